import { describe, expect, it } from "vitest";
import { treeNode } from "../../../test/support/command-line.ts";
import { modeText, renderNodes } from "./nodes.ts";

describe("modeText", () => {
  it.each([
    ["file", 0o644, "-rw-r--r--"],
    ["directory", 0o1777, "drwxrwxrwt"],
    ["file", 0o4755, "-rwsr-xr-x"],
    ["file", 0o2644, "-rw-r-Sr--"],
    ["directory", 0o1000, "d--------T"],
    ["symlink", 0o777, "lrwxrwxrwx"],
    ["char", 0o600, "crw-------"],
    ["block", 0o060, "b---rw----"],
    ["fifo", 0o006, "p------rw-"],
  ] as const)("shows a %s with mode %o as %s", (kind, mode, expected) => {
    expect(modeText({ kind, mode })).toBe(expected);
  });
});

describe("renderNodes", () => {
  it("writes one line a node, whatever bytes its name has", () => {
    const nodes = [treeNode({ name: "a\nb" }), treeNode({ name: Buffer.from([0x63, 0xff]) })];
    expect(renderNodes(nodes, { long: false, paths: false })).toBe("a\\x0ab\nc\\xff\n");
  });

  it("tells links, devices, times and layers in the long form", () => {
    const nodes = [
      treeNode({ name: "sh", kind: "symlink", mode: 0o777, size: 4, linkTarget: Buffer.from("b\tin") }),
      treeNode({ name: "null", kind: "char", mode: 0o666, uid: 5, device: { major: 1, minor: 3 }, layer: 1 }),
      treeNode({ name: "far", mtime: { seconds: 1e15, nanoseconds: 0 } }),
    ];
    expect(renderNodes(nodes, { long: true, paths: true })).toBe(
      [
        "MODE         OWNER   SIZE   MODIFIED              LAYER   NAME",
        "lrwxrwxrwx   0:0     4      1970-01-01 00:00:00   1       /sh -> b\\x09in",
        "crw-rw-rw-   5:0     1, 3   1970-01-01 00:00:00   2       /null",
        "-rw-r--r--   0:0     0      @1000000000000000     1       /far",
        "",
      ].join("\n"),
    );
  });
});
