import { list, resolve, walk } from "../../view/lookup.ts";
import type { PlacedNode } from "../../view/node.ts";
import type { View } from "../../view/view.ts";
import type { TreeNode } from "../engine.ts";

/** The nodes of a view below `path`, or the one node there. */
export function listView({ tree }: View, path: string, recursive: boolean): TreeNode[] {
  const start = resolve(tree, Buffer.from(path));
  if (start.node.kind !== "directory") return [describePlace(start)];
  if (!recursive) return list(tree, Buffer.from(path)).map(describePlace);
  const nodes: TreeNode[] = [];
  for (const place of walk(start)) if (place.path !== start.path) nodes.push(describePlace(place));
  return nodes;
}

/** A node that `walk` or `resolve` gave. Written out field by field: an image has tens of thousands of them. */
export function describePlace({ path: key, node }: PlacedNode): TreeNode {
  const path = Buffer.from(`/${key}`, "latin1");
  const { kind, mode, uid, gid, layer } = node;
  return {
    name: path.subarray(key.lastIndexOf("/") + 2),
    path,
    kind,
    mode,
    uid,
    gid,
    size: kind === "file" ? node.size : kind === "symlink" ? node.target.length : 0,
    mtime: { seconds: node.mtimeSeconds, nanoseconds: node.mtimeNanoseconds },
    linkTarget: kind === "symlink" ? Buffer.from(node.target, "latin1") : null,
    device: kind === "char" || kind === "block" ? { major: node.major, minor: node.minor } : null,
    layer,
  };
}
