import { describe, expect, it } from "vitest";
import { type EntryFields, tarEntry } from "../../test/support/entries.ts";
import { contentOf, list, lstat, resolve, walk } from "./lookup.ts";
import { type MergedTree, mergeLayers } from "./merged-tree.ts";

async function treeOf(...layers: (readonly EntryFields[])[]): Promise<MergedTree> {
  return mergeLayers(
    layers.map((entries) => entries.map(tarEntry).map((entry) => ({ entry, storedName: entry.name }))),
  );
}

const link = (name: string, linkname: string): EntryFields => ({ kind: "symlink", name, linkname });

const tree = await treeOf([
  { name: "a/b/file", size: 3 },
  link("abs", "/a/b"),
  link("a/up", "../a/b/file"),
  link("out", "../../../a/b/file"),
  link("loop", "loop"),
  link("dead", "nowhere"),
  link("slashed", "a/b/"),
  link("chain", "abs/../up"),
  { name: "a/\xff", size: 1 },
]);

describe("resolve", () => {
  it.each([
    ["/", ""],
    ["..", ""],
    ["/../../a/", "a"],
    ["a//b/./file", "a/b/file"],
    ["/abs/file", "a/b/file"],
    ["a/up", "a/b/file"],
    ["out", "a/b/file"],
    ["slashed", "a/b"],
    ["slashed/file", "a/b/file"],
    ["chain", "a/b/file"],
    ["abs/..", "a"],
    ["a/\xff", "a/\xff"],
  ])("leads %s to /%s", (path, expected) => {
    expect(resolve(tree, Buffer.from(path, "latin1")).path).toBe(expected);
  });

  it.each([
    ["", "ENOENT"],
    ["nothing", "ENOENT"],
    ["dead", "ENOENT"],
    ["a/b/file/x", "ENOTDIR"],
    ["a/b/file/", "ENOTDIR"],
    ["a/b/file/.", "ENOTDIR"],
    ["a/up/..", "ENOTDIR"],
    ["loop", "ELOOP"],
    ["loop/x", "ELOOP"],
  ])("fails for '%s' with %s", (path, errno) => {
    expect(() => resolve(tree, Buffer.from(path))).toThrow(expect.objectContaining({ code: "NOT_FOUND", errno }));
  });

  it.each([
    ["loop", "loop"],
    ["abs", "abs"],
    ["abs/file", "a/b/file"],
    ["abs/", "a/b"],
  ])("leads %s to /%s where the last symlink is not followed", (path, expected) => {
    expect(resolve(tree, Buffer.from(path), { followLast: false }).path).toBe(expected);
  });
});

describe("list", () => {
  it("gives the names of a directory in the order of their bytes", async () => {
    const names = ["b", "a-", "a", "\xc3\xa9", "Z", "\xff"];
    const many = await treeOf(names.map((name) => ({ name: `d/${name}` })));
    const found = list(many, Buffer.from("d")).map(({ name }) => name.toString("latin1"));
    expect(found).toEqual(["Z", "a", "a-", "b", "\xc3\xa9", "\xff"]);
  });

  it("fails with ENOTDIR for a file", () => {
    expect(() => list(tree, Buffer.from("a/up"))).toThrow(expect.objectContaining({ errno: "ENOTDIR" }));
  });
});

describe("lstat", () => {
  it("tells what a symlink itself is", () => {
    const stat = lstat(resolve(tree, Buffer.from("abs"), { followLast: false }));
    expect(stat).toMatchObject({ kind: "symlink", mode: 0o777, size: 4, linkTarget: Buffer.from("/a/b"), nlink: 1 });
  });

  it("gives a directory that no layer holds the mode 0755, root as its owner and the time 0", () => {
    const stat = lstat(resolve(tree, Buffer.from("a/b")));
    const mtime = { seconds: 0, nanoseconds: 0 };
    expect(stat).toMatchObject({ kind: "directory", mode: 0o755, uid: 0, gid: 0, mtime, nlink: 2, layer: 0 });
  });

  it("counts the names of a file, over layers too", async () => {
    const linked = await treeOf(
      [{ name: "x", size: 1 }],
      [{ kind: "hardlink", name: "y", linkname: "x" }],
      [{ name: ".wh.x" }, { kind: "hardlink", name: "z", linkname: "y" }],
    );
    expect(list(linked, Buffer.from("/")).map(({ name }) => name.toString())).toEqual(["y", "z"]);
    const y = resolve(linked, Buffer.from("y"));
    expect(lstat(y)).toMatchObject({ nlink: 2, layer: 0 });
    expect(contentOf(y)).toEqual({ layer: 0, name: Buffer.from("x") });
    expect(resolve(linked, Buffer.from("z")).node).toBe(y.node);
  });

  it("tells the numbers of a device", async () => {
    const devices = await treeOf([{ kind: "block", name: "sda", devmajor: 8, devminor: 1 }]);
    expect(lstat(resolve(devices, Buffer.from("sda"))).device).toEqual({ major: 8, minor: 1 });
  });
});

describe("walk", () => {
  it("gives a directory before its content and siblings in order, without following symlinks", () => {
    const paths = [...walk({ path: "a", node: resolve(tree, Buffer.from("a")).node })].map(({ path }) => path);
    expect(paths).toEqual(["a", "a/b", "a/b/file", "a/up", "a/\xff"]);
  });

  it("gives just the node where that is no directory", () => {
    const start = resolve(tree, Buffer.from("a/b/file"));
    expect([...walk(start)]).toEqual([start]);
  });

  it("reaches the bottom of the deepest tree that a layer can make", async () => {
    const depth = 2_000;
    const deep = await treeOf([{ name: "d/".repeat(depth), kind: "directory" }]);
    let count = 0;
    for (const _ of walk({ path: "", node: deep.root })) count++;
    expect(count).toBe(depth + 1);
  });
});
