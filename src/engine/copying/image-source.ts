import { exportTree } from "../../view/export.ts";
import { resolve } from "../../view/lookup.ts";
import type { LayerStack } from "../tree/layer-stack.ts";
import { treeContents } from "../tree/tree-contents.ts";
import { type CopySource, describeCopy, type FollowOptions } from "./copy-source.ts";

/** A path of an image. Fails with NOT_FOUND. */
export async function imageSource(
  stack: LayerStack,
  path: string,
  { followLink = false }: FollowOptions,
): Promise<CopySource> {
  const place = resolve((await stack.view()).tree, Buffer.from(path), { followLast: followLink });
  const found = Buffer.from(place.path.slice(place.path.lastIndexOf("/") + 1), "latin1");
  return {
    ...describeCopy(path, found, place.node.kind === "directory"),
    async *tar(options) {
      await using contents = treeContents(stack, place);
      yield* exportTree(place, { ...options, content: (file) => contents.read(file) });
    },
  };
}
