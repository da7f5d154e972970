import { throwIfCancelled } from "../../core/cancellation.ts";
import { fileOutput } from "../../source/output.ts";
import { exportTree as mergedTar } from "../../view/export.ts";
import type { PlacedNode } from "../../view/node.ts";
import { containerOfName, type TreeType } from "../containers/container-of-name.ts";
import type { ReadOptions } from "../engine.ts";
import { type LayerStack, type StackFinder, streamStack } from "../tree/layer-stack.ts";
import { treeContents } from "../tree/tree-contents.ts";
import { exportContainer } from "./export-container.ts";

export interface ExportTreeOptions extends ReadOptions {
  /** What the name is. Default: a container, or else an image. */
  readonly type?: TreeType | undefined;
  /** A chunk is valid until the next one is asked for, which takes less memory. Default: each is a buffer of its own. */
  readonly reuseBuffer?: boolean | undefined;
}

/**
 * A container's tree, or what all layers of an image together show, as one tar without layers: as `docker export` of a
 * container; an image's as that of one which was never started, and the root has an entry where a layer has one. The same
 * image gives the same bytes from wherever it lies.
 */
export async function* exportTree(finder: StackFinder, options: ExportTreeOptions): AsyncGenerator<Buffer> {
  const { type, signal, reuseBuffer } = options;
  const found = await containerOfName(finder, type);
  yield* found === null
    ? streamStack(finder, (stack) => exportMerged(stack, reuseBuffer))
    : exportContainer(found, signal);
}

/** The same into a file, which becomes visible when it is whole. */
export async function exportToFile(finder: StackFinder, file: string, options: ExportTreeOptions): Promise<void> {
  await using output = await fileOutput(file);
  for await (const bytes of exportTree(finder, { ...options, reuseBuffer: true })) {
    throwIfCancelled(finder.call.signal);
    await output.write(bytes);
  }
  await output.commit();
}

async function* exportMerged(stack: LayerStack, reuseBuffer: boolean | undefined): AsyncGenerator<Buffer> {
  const { root } = (await stack.view()).tree;
  const start: PlacedNode = { path: "", node: root };
  await using contents = treeContents(stack, start);
  yield* mergedTar(start, {
    name: Buffer.alloc(0),
    withStart: root.layer >= 0,
    content: (file) => contents.read(file),
    reuseBuffer,
  });
}
