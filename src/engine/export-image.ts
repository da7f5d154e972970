import { exportTree } from "../view/export.ts";
import type { PlacedNode } from "../view/node.ts";
import { type LayerStack, mergeStack, type StackFinder, streamStack } from "./layer-stack.ts";
import { treeContents } from "./tree-contents.ts";

/**
 * What all layers together show as one tar, without layers: as `docker export` of a container that was never started.
 * The root has an entry where a layer has one. The same image gives the same bytes from wherever it lies.
 */
export function exportImage(finder: StackFinder): AsyncGenerator<Buffer> {
  return streamStack(finder, (image) => exportMerged(image, finder));
}

async function* exportMerged(image: LayerStack, { call }: StackFinder): AsyncGenerator<Buffer> {
  const { root } = await mergeStack(image, call);
  const start: PlacedNode = { path: "", node: root };
  await using contents = treeContents(image, start);
  yield* exportTree(start, {
    name: Buffer.alloc(0),
    withStart: root.layer >= 0,
    content: (file) => contents.read(file),
  });
}
