import { childrenOf, resolve, walk } from "../../view/lookup.ts";
import type { PlacedNode } from "../../view/node.ts";
import type { ReadOptions, TreeNode } from "../engine.ts";
import { type StackFinder, streamStack } from "../tree/layer-stack.ts";
import { describeInPieces } from "./describe-node.ts";

export interface ListOptions extends ReadOptions {
  readonly recursive?: boolean | undefined;
}

/** The nodes in a directory, or all that lies below it; of what is no directory, the one node. Fails as `resolve`. */
export function listNodes(
  finder: StackFinder,
  path: string,
  { recursive = false }: ListOptions,
): AsyncGenerator<TreeNode[]> {
  return streamStack(finder, async (stack) => {
    const { tree } = await stack.view();
    return describeInPieces(placesAt(resolve(tree, Buffer.from(path)), recursive));
  });
}

function placesAt(start: PlacedNode, recursive: boolean): Iterable<PlacedNode> {
  if (start.node.kind !== "directory") return [start];
  return recursive ? below(start) : childrenOf(start);
}

function* below(start: PlacedNode): Generator<PlacedNode> {
  for (const place of walk(start)) if (place.path !== start.path) yield place;
}
