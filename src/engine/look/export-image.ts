import { throwIfCancelled } from "../../core/cancellation.ts";
import { fileOutput } from "../../source/output.ts";
import { exportTree } from "../../view/export.ts";
import type { PlacedNode } from "../../view/node.ts";
import type { ReadOptions } from "../engine.ts";
import { type LayerStack, type StackFinder, streamStack } from "../tree/layer-stack.ts";
import { treeContents } from "../tree/tree-contents.ts";

export interface ExportOptions extends ReadOptions {
  /** A chunk is valid until the next one is asked for, which takes less memory. Default: each is a buffer of its own. */
  readonly reuseBuffer?: boolean | undefined;
}

/**
 * What all layers together show as one tar, without layers: as `docker export` of a container that was never started.
 * The root has an entry where a layer has one. The same image gives the same bytes from wherever it lies.
 */
export function exportImage(finder: StackFinder, { reuseBuffer }: ExportOptions): AsyncGenerator<Buffer> {
  return streamStack(finder, (stack) => exportMerged(stack, reuseBuffer));
}

/** The same into a file, which becomes visible when it is whole. */
export async function exportToFile(finder: StackFinder, file: string): Promise<void> {
  await using output = await fileOutput(file);
  for await (const bytes of exportImage(finder, { reuseBuffer: true })) {
    throwIfCancelled(finder.call.signal);
    await output.write(bytes);
  }
  await output.commit();
}

async function* exportMerged(stack: LayerStack, reuseBuffer: boolean | undefined): AsyncGenerator<Buffer> {
  const { root } = (await stack.view()).tree;
  const start: PlacedNode = { path: "", node: root };
  await using contents = treeContents(stack, start);
  yield* exportTree(start, {
    name: Buffer.alloc(0),
    withStart: root.layer >= 0,
    content: (file) => contents.read(file),
    reuseBuffer,
  });
}
