import type { PlacedNode } from "../../view/node.ts";
import type { TreeNode } from "../engine.ts";

/** Nodes that are handed over together: a turn of the event loop for each of them would cost more than to find it. */
const PIECE = 256;

/** Nodes that `walk` or `resolve` gave, some hundred a piece. */
export function* describeInPieces(places: Iterable<PlacedNode>): Generator<TreeNode[]> {
  let piece: TreeNode[] = [];
  for (const place of places) {
    piece.push(describeNode(place));
    if (piece.length < PIECE) continue;
    yield piece;
    piece = [];
  }
  if (piece.length > 0) yield piece;
}

/** A node that `walk` or `resolve` gave. Written out field by field: an image has tens of thousands of them. */
export function describeNode({ path: key, node }: PlacedNode): TreeNode {
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
