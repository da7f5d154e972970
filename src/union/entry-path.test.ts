import { describe, expect, it } from "vitest";
import { classifyEntry, cleanPath, pathKey } from "./entry-path.ts";

const shown = (name: string): string => {
  const path = classifyEntry(Buffer.from(name));
  switch (path.kind) {
    case "root":
      return "root";
    case "opaque":
      return `opaque ${pathKey(path.directory)}`;
    case "reserved":
      return `reserved ${pathKey(path.path)}`;
    default:
      return `${path.kind} ${pathKey([...path.parent, path.name])}`;
  }
};

describe("what the name of an entry means", () => {
  it.each([
    [".", "root"],
    ["./", "root"],
    ["", "root"],
    ["/", "root"],
    ["..", "root"],
    ["a", "node a"],
    ["./a/b/", "node a/b"],
    ["/a//b", "node a/b"],
    ["a/../b", "node b"],
    ["../../a", "node a"],
    ["a/.wh.b", "whiteout a/b"],
    [".wh..baz", "whiteout .baz"],
    [".wh....", "whiteout ..."],
    ["a/.wh.b/", "whiteout a/b"],
    [".wh", "node .wh"],
    [".whfoo", "node .whfoo"],
    ["a.wh.b", "node a.wh.b"],
    [".wh..wh..opq", "opaque "],
    ["a/b/.wh..wh..opq", "opaque a/b"],
    [".wh..wh.aufs", "reserved .wh..wh.aufs"],
    [".wh..wh.plnk/1.2", "reserved .wh..wh.plnk/1.2"],
    [".wh..wh.plnk/.wh..wh..opq", "reserved .wh..wh.plnk/.wh..wh..opq"],
  ])("%j is: %s", (name, expected) => {
    expect(shown(name)).toBe(expected);
  });

  it.each([".wh.", "a/.wh..", ".wh...", ".wh./"])("refuses the whiteout %j, which names no file", (name) => {
    expect(() => classifyEntry(Buffer.from(name))).toThrow(expect.objectContaining({ code: "INVALID_LAYER" }));
  });

  it.each([
    ["a name of 256 bytes", "x".repeat(256)],
    ["a path of 4,096 bytes", "x/".repeat(2048)],
  ])("refuses %s", (_, name) => {
    expect(() => classifyEntry(Buffer.from(name))).toThrow(/at most (255|4095) are possible/);
  });

  it("keeps names as bytes", () => {
    expect(cleanPath(Buffer.from([0x61, 0x2f, 0xff, 0xe9]))).toEqual([Buffer.from("a"), Buffer.from([0xff, 0xe9])]);
  });
});
