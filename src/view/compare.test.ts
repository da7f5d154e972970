import { describe, expect, it } from "vitest";
import { type EntryFields, tarEntry } from "../../test/support/entries.ts";
import { compareTrees } from "./compare.ts";
import { type MergedTree, mergeLayers } from "./merged-tree.ts";

function treeOf(fields: readonly EntryFields[]): Promise<MergedTree> {
  return mergeLayers([fields.map(tarEntry).map((entry) => ({ entry, storedName: entry.name }))]);
}

async function compare(before: readonly EntryFields[], after: readonly EntryFields[]): Promise<string[]> {
  const [one, other] = [await treeOf(before), await treeOf(after)];
  return Array.from(compareTrees(one, other), (difference) => {
    const kind = difference.before === null ? "A" : difference.after === null ? "D" : "C";
    return `${kind} ${difference.path} ${difference.fields.join()}${difference.mayDifferInContent ? "?" : ""}`.trim();
  });
}

describe("two trees", () => {
  it("have no difference where they are equal but for times", async () => {
    const entry = { name: "a/b", kind: "symlink", linkname: "c" } as const;
    expect(await compare([entry], [{ ...entry, mtime: { seconds: 9, nanoseconds: 9 } }])).toEqual([]);
  });

  it("differ in what only one has, with all below it", async () => {
    expect(await compare([{ name: "a/b/c" }], [{ name: "a/d/e" }])).toEqual(["D a/b", "D a/b/c", "A a/d", "A a/d/e"]);
  });

  it("may differ where files have one size", async () => {
    expect(await compare([{ name: "a", size: 3 }], [{ name: "a", size: 3 }])).toEqual(["C a ?"]);
    expect(await compare([{ name: "a" }], [{ name: "a" }])).toEqual([]);
  });

  it.each<[string, EntryFields, EntryFields]>([
    ["content", { name: "x", size: 1 }, { name: "x", size: 2 }],
    ["target", { name: "x", kind: "symlink", linkname: "a" }, { name: "x", kind: "symlink", linkname: "b" }],
    ["mode", { name: "x", mode: 0o644 }, { name: "x", mode: 0o600 }],
    ["owner", { name: "x", uid: 1 }, { name: "x", uid: 2 }],
    ["xattrs", { name: "x", xattrs: new Map([["user.a", Buffer.from("1")]]) }, { name: "x" }],
    [
      "device",
      { name: "x", kind: "char", devmajor: 1, devminor: 3 },
      { name: "x", kind: "char", devmajor: 1, devminor: 5 },
    ],
  ])("differ in %s", async (field, before, after) => {
    expect(await compare([before], [after])).toEqual([`C x ${field}`]);
  });

  it("differ in type, and in what a directory had that is none any more", async () => {
    expect(await compare([{ name: "x/y", mode: 0o644 }], [{ name: "x", mode: 0o755 }])).toEqual(["C x type", "D x/y"]);
  });
});
