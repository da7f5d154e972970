import { describe, expect, it } from "vitest";
import { type EntryFields, tarEntry } from "../../../../test/support/entries.ts";
import { walk } from "../../../view/lookup.ts";
import { type MergedTree, mergeLayers } from "../../../view/merged-tree.ts";
import type { DirectoryNode } from "../../../view/node.ts";
import { decodeTree, encodeTree } from "./tree-codec.ts";

const MANY = 3000;
const LAYERS: readonly EntryFields[][] = [
  [
    { name: "", kind: "directory", mode: 0o711 },
    { name: "many", kind: "directory" },
    ...Array.from({ length: MANY }, (_, index) => ({ name: `many/${index}`, size: index })),
    { name: "a/empty", kind: "directory", xattrs: new Map([["user.a", Buffer.from([0, 255])]]) },
    { name: "a/\u00e9 \ud83d\ude00" },
    { name: "a/link", kind: "symlink", linkname: "../\u00e9" },
    { name: "a/hard", kind: "hardlink", linkname: "many/7" },
    { name: "a/device", kind: "char", devmajor: 5, devminor: 1, mode: 0o600 },
  ],
  [
    { name: "b/hard", kind: "hardlink", linkname: "many/7" },
    { name: "past", mtime: { seconds: -1.5e10, nanoseconds: 999_999_999 }, uid: 4_000_000_000, size: 2 ** 50 },
  ],
];

function merge(): Promise<MergedTree> {
  return mergeLayers(LAYERS.map((layer) => layer.map(tarEntry).map((entry) => ({ entry, storedName: entry.name }))));
}

function recorded(tree: MergedTree): MergedTree {
  return decodeTree(Buffer.concat(encodeTree({ tree, duplicates: [] }))).tree;
}

function described({ root }: MergedTree): unknown[] {
  return Array.from(walk({ path: "", node: root }), ({ path, node }) =>
    node.kind === "directory" ? { ...node, path, children: node.children.size } : { ...node, path },
  );
}

function directoryAt({ children }: DirectoryNode, name: string): DirectoryNode {
  const node = children.get(name);
  if (node?.kind === "directory") return node;
  throw new Error(`expected a directory ${name}, found ${node?.kind}`);
}

describe("a recorded tree", () => {
  it("has the nodes of the tree that it was made of, in the order of a walk", async () => {
    const tree = await merge();
    expect(described(recorded(tree))).toEqual(described(tree));
  });

  it("finds each node by its name, and no other", async () => {
    const many = directoryAt(recorded(await merge()).root, "many");
    expect(many.children.size).toBe(MANY);
    for (let index = 0; index < MANY; index++) expect(many.children.get(`${index}`)).toMatchObject({ size: index });
    for (const name of ["", "-", "00", "3000", "zz", "7 "]) expect(many.children.get(name)).toBeUndefined();
  });

  it("gives one object for all names of a node, and nothing for an empty directory", async () => {
    const { root } = recorded(await merge());
    const hard = directoryAt(root, "b").children.get("hard");
    expect(hard).toMatchObject({ names: 2, storedPath: "many/7" });
    expect(directoryAt(root, "many").children.get("7")).toBe(hard);
    const { children } = directoryAt(directoryAt(root, "a"), "empty");
    expect([...children]).toEqual([]);
    expect(children.get("x")).toBeUndefined();
  });
});
