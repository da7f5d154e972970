import { list, resolve, walk } from "../../view/lookup.ts";
import type { ReadOptions, TreeNode } from "../engine.ts";
import { readStack, type StackFinder } from "../tree/layer-stack.ts";
import { describeNode } from "./describe-node.ts";

export interface ListOptions extends ReadOptions {
  readonly recursive?: boolean | undefined;
}

/** The nodes in a directory, or all that lies below it; of what is no directory, the one node. Fails as `resolve`. */
export function listNodes(finder: StackFinder, path: string, { recursive }: ListOptions): Promise<TreeNode[]> {
  return readStack(finder, async (stack) => {
    const { tree } = await stack.view();
    const start = resolve(tree, Buffer.from(path));
    if (start.node.kind !== "directory") return [describeNode(start)];
    if (!recursive) return list(tree, Buffer.from(path)).map(describeNode);
    const nodes: TreeNode[] = [];
    for (const place of walk(start)) if (place.path !== start.path) nodes.push(describeNode(place));
    return nodes;
  });
}
