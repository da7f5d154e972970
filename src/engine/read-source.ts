import type { Image, Layer } from "../core/image.ts";
import type { ApplyPool } from "../layer/apply/pool.ts";
import type { Warning } from "../layer/apply/warnings.ts";
import { type MergedTree, mergeLayers } from "../view/merged-tree.ts";
import type { CallOptions, ListOptions, ReadOptions, TreeNode } from "./engine.ts";
import { layerContent, layerEntries } from "./layer-stream.ts";
import { blobOf } from "./load.ts";
import { findContent, listMerged } from "./read-tree.ts";
import type { OpenedImage } from "./source.ts";
import { refuseUnsupported } from "./store-image.ts";
import { prepareTarget, type UnpackSettings, unpackLayers } from "./unpack.ts";

/** As `unpackImage`, without a store. */
export function unpackSource(
  { image }: OpenedImage,
  directory: string,
  settings: UnpackSettings,
  pool: ApplyPool,
  options: CallOptions,
): Promise<{ readonly warnings: readonly Warning[] }> {
  refuseUnsupported(image.config);
  const layers = image.layers.map((layer) => {
    const bytes = blobOf(layer);
    return { diffID: layer.diffID, bytes, size: layer.extent?.length ?? 0 };
  });
  return unpackLayers(layers, prepareTarget(directory), settings, pool, options);
}

/** As `listTree`. All layers are read once, and verified. */
export async function listSource({ image }: OpenedImage, path: string, options: ListOptions): Promise<TreeNode[]> {
  return listMerged(await mergeImage(image, options), path, options.recursive ?? false);
}

/** As `readTreeFile`. The source is closed with the returned bytes, or now if this fails. */
export async function readSourceFile(
  source: OpenedImage,
  path: string,
  options: ReadOptions,
): Promise<AsyncIterable<Buffer>> {
  try {
    const { layer, name } = findContent(await mergeImage(source.image, options), path);
    return closing(source, layerContent(source.image.layers[layer] as Layer, name, options));
  } catch (error) {
    await source[Symbol.asyncDispose]();
    throw error;
  }
}

function mergeImage(image: Image, options: ReadOptions): Promise<MergedTree> {
  refuseUnsupported(image.config);
  const entries = image.layers.map((layer) => layerEntries(layer, options));
  return mergeLayers(entries, { signal: options.signal });
}

async function* closing(source: AsyncDisposable, bytes: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  try {
    yield* bytes;
  } finally {
    await source[Symbol.asyncDispose]();
  }
}
