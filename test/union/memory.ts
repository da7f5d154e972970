import type { TarEntry } from "../../src/tar/entry.ts";
import { contentOf, lstat, walk } from "../../src/view/lookup.ts";
import { type MergedTree, mergeLayers } from "../../src/view/merged-tree.ts";
import { type NodeImage, withLinks } from "../support/snapshot.ts";

/** A merged tree in the form of a picture; `read` gives the content of a file by its place in a layer, as latin1. */
export function snapshotOf(tree: MergedTree, read: (layer: number, name: Buffer) => string): NodeImage[] {
  const nodes = [...walk({ path: "", node: tree.root })].map((placed) => {
    const stat = lstat(placed);
    const place = contentOf(placed);
    const device = `${stat.device?.major},${stat.device?.minor}`;
    const content = stat.device !== null ? device : (stat.linkTarget?.toString("latin1") ?? "");
    return {
      path: placed.path,
      kind: stat.kind,
      mode: stat.mode,
      owner: `${stat.uid}:${stat.gid}`,
      mtime: `${stat.mtime.seconds}.${stat.mtime.nanoseconds}`,
      content: stat.kind === "file" ? read(place.layer, place.name) : content,
      xattrs: [...stat.xattrs].map(([key, value]) => `${key}=${value.toString("latin1")}`).sort(),
      inode: placed.node,
    };
  });
  return withLinks(nodes);
}

/** Layers with their contents, merged. Each file is known by its number in its layer. */
export async function treeInMemory(
  layers: readonly (readonly { readonly entry: TarEntry; readonly content: string }[])[],
): Promise<NodeImage[]> {
  const tree = await mergeLayers(
    layers.map((entries) => entries.map(({ entry }, index) => ({ entry, storedName: Buffer.from(String(index)) }))),
  );
  return snapshotOf(tree, (layer, name) => layers[layer]?.[Number(name.toString())]?.content ?? "lost");
}
