import { describe, expect, it } from "vitest";
import { classifyEntry, cleanPath, joinKey, nameKey, pathKey, printableKey } from "./entry-path.ts";

describe("cleanPath", () => {
  it.each([
    ["a/b", "a/b"],
    ["/a//./b/", "a/b"],
    ["./", ""],
    ["", ""],
    ["../../a", "a"],
    ["a/../../b", "b"],
    ["a/..", ""],
    ["\xff/..x", "\xff/..x"],
    ["a/b/", "a/b"],
    ["a/b//", "a/b"],
    ["/", ""],
    ["a/./b", "a/b"],
    [".a/b./...", ".a/b./..."],
  ])("takes %s for %s", (name, expected) => {
    expect(pathKey(cleanPath(Buffer.from(name, "latin1")))).toBe(expected);
    expect(nameKey(Buffer.from(name, "latin1"))).toBe(expected);
  });
});

describe("classifyEntry", () => {
  it.each([
    ["./", { kind: "root" }],
    ["a/b", { kind: "node", parent: [Buffer.from("a")], name: Buffer.from("b") }],
    ["a/.wh.b", { kind: "whiteout", parent: [Buffer.from("a")], name: Buffer.from("b") }],
    [".wh..b", { kind: "whiteout", parent: [], name: Buffer.from(".b") }],
    ["a/.wh..wh..opq", { kind: "opaque", directory: [Buffer.from("a")] }],
    [".wh..wh.plnk/1", { kind: "reserved", path: [Buffer.from(".wh..wh.plnk"), Buffer.from("1")] }],
    [".wh..wh.aufs", { kind: "reserved", path: [Buffer.from(".wh..wh.aufs")] }],
    [".wh.d/x", { kind: "node", parent: [Buffer.from(".wh.d")], name: Buffer.from("x") }],
    [".wh", { kind: "node", parent: [], name: Buffer.from(".wh") }],
  ])("knows what %s means", (name, expected) => {
    expect(classifyEntry(Buffer.from(name))).toEqual(expected);
  });

  it("takes the whiteout of the longest name there can be, and no longer one", () => {
    const longest = Buffer.alloc(255, "n");
    expect(classifyEntry(Buffer.concat([Buffer.from("a/.wh."), longest]))).toEqual({
      kind: "whiteout",
      parent: [Buffer.from("a")],
      name: longest,
    });
    for (const name of [".wh.n", "n", ".wh..wh."]) {
      expect(() => classifyEntry(Buffer.concat([Buffer.from(name), longest]))).toThrow(
        expect.objectContaining({ code: "INVALID_LAYER" }),
      );
    }
  });

  it.each([".wh.", "a/.wh..", "a/.wh...", ".wh./"])("refuses %s, which names no file", (name) => {
    expect(() => classifyEntry(Buffer.from(name))).toThrow(expect.objectContaining({ code: "INVALID_LAYER" }));
  });
});

it("joins keys without a slash at the root", () => {
  expect(joinKey("", Buffer.from("a"))).toBe("a");
  expect(joinKey("a", Buffer.from("\xff", "latin1"))).toBe("a/\xff");
});

it("escapes a key for a message", () => {
  expect(printableKey("a\n\xff")).toBe("/a\\x0a\\xff");
});
