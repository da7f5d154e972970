import type { Timespec } from "../../core/timespec.ts";
import { type FindCriteria, findNodes, mtimeOf } from "../../view/find.ts";
import { resolve } from "../../view/lookup.ts";
import type { MergedTree } from "../../view/merged-tree.ts";
import type { ReadOptions, TreeNode } from "../engine.ts";
import { type StackFinder, streamStack } from "../tree/layer-stack.ts";
import { describeInPieces } from "./describe-node.ts";

export interface FindOptions extends ReadOptions, Omit<FindCriteria, "newer"> {
  /** A time, or a path inside the image: what was changed after that file, symlinks not followed. */
  readonly newer?: Timespec | string | undefined;
}

/** The nodes at and below a path for which all criteria hold, in the order of a walk. Fails with NOT_FOUND, INVALID_REFERENCE. */
export function findInImage(finder: StackFinder, path: string, options: FindOptions): AsyncGenerator<TreeNode[]> {
  return streamStack(finder, async (stack) => {
    const { tree } = await stack.view();
    const start = resolve(tree, Buffer.from(path), { followLast: path.endsWith("/") });
    const newer = typeof options.newer === "string" ? timeOf(tree, options.newer) : options.newer;
    return describeInPieces(findNodes(start, { ...options, newer }));
  });
}

function timeOf(tree: MergedTree, path: string): Timespec {
  return mtimeOf(resolve(tree, Buffer.from(path), { followLast: false }).node);
}
