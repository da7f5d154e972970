import type { TreeNode } from "../engine/engine.ts";
import { piecesUntilAborted } from "./interruption.ts";
import { type NodesView, renderNodes } from "./render/nodes.ts";
import type { Session } from "./session.ts";

/** Prints nodes as they come. A long table waits for the last one, as its columns are as wide as their widest cells. */
export async function printNodes(
  session: Session,
  pieces: AsyncIterable<readonly TreeNode[]>,
  view: NodesView,
): Promise<void> {
  if (!view.long || session.settings.format.kind !== "table") {
    return await session.printPieces(pieces, (nodes) => renderNodes(nodes, view));
  }
  const all: TreeNode[] = [];
  for await (const nodes of piecesUntilAborted(pieces, session.signal)) for (const node of nodes) all.push(node);
  await session.print(all, () => renderNodes(all, view));
}
