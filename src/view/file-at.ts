import { LayerfsError, printable } from "../core/errors.ts";
import { resolve } from "./lookup.ts";
import type { MergedTree } from "./merged-tree.ts";
import type { FileNode, PlacedNode, SymlinkNode } from "./node.ts";

/** The file that a path leads to. Fails as `resolve`, and with UNSUPPORTED: EISDIR for a directory, ENXIO for a device. */
export function fileAt(tree: MergedTree, path: Buffer): PlacedNode<FileNode> {
  const { path: place, node } = resolve(tree, path);
  if (node.kind === "file") return { path: place, node };
  throw new LayerfsError("UNSUPPORTED", `${printable(path)} is no file but a ${node.kind}`, {
    errno: node.kind === "directory" ? "EISDIR" : "ENXIO",
  });
}

/** The symlink at a path. Fails as `resolve`, and with UNSUPPORTED (EINVAL) for what is none. */
export function linkAt(tree: MergedTree, path: Buffer): PlacedNode<SymlinkNode> {
  const { path: place, node } = resolve(tree, path, { followLast: false });
  if (node.kind === "symlink") return { path: place, node };
  throw new LayerfsError("UNSUPPORTED", `${printable(path)} is no symlink but a ${node.kind}`, { errno: "EINVAL" });
}
