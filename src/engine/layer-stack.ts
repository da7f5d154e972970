import type { ImageConfig } from "../core/config.ts";
import type { Digest } from "../core/digest.ts";
import type { Image } from "../core/image.ts";
import { type MergedTree, type MergeOptions, mergeLayers } from "../view/merged-tree.ts";
import type { ImageLayer } from "./image-layer.ts";
import { openSourceImage, type SourceCall } from "./source.ts";
import { sourceLayers } from "./source-layers.ts";
import { openStoredImage, type StoredImage, whileThere } from "./stored-image.ts";
import { storedLayers } from "./stored-layers.ts";
import type { Stores } from "./stores.ts";

/** An image to read, of the store or of a source. */
export interface LayerStack {
  readonly id: Digest;
  readonly config: ImageConfig;
  /** What the stored names of files are: numbers of entries, or paths. */
  readonly naming: "number" | "path";
  /** Lowest first. */
  readonly layers: readonly ImageLayer[];
}

/** How the image that a text names is found: `reading` opens the store, if the text names no source. */
export interface StackFinder {
  readonly text: string;
  readonly call: SourceCall;
  readonly reading: () => Promise<Stores>;
}

/**
 * Reads something of an image, which is closed afterwards. Where an image of the store is removed meanwhile, it is
 * looked up again, as `whileThere` does.
 */
export async function readStack<T>(finder: StackFinder, read: (stack: LayerStack) => Promise<T>): Promise<T> {
  const { text, call } = finder;
  await using source = await openSourceImage(text, call);
  if (source !== null) return await read(sourceStack(source.image, call));
  const stores = await finder.reading();
  return await whileThere(stores, text, (stored) => read(storedStack(stores, stored)));
}

/** As `readStack` for what is read piece by piece; the image is closed with the last piece, or when the reader has enough. */
export async function* streamStack<T>(
  finder: StackFinder,
  read: (stack: LayerStack) => AsyncIterable<T>,
): AsyncGenerator<T> {
  const { text, call } = finder;
  await using source = await openSourceImage(text, call);
  if (source !== null) {
    yield* read(sourceStack(source.image, call));
    return;
  }
  const stores = await finder.reading();
  yield* read(storedStack(stores, openStoredImage(stores, text)));
}

/** What all layers together show. */
export function mergeStack({ layers }: LayerStack, options: MergeOptions): Promise<MergedTree> {
  return mergeLayers(
    layers.map((layer) => layer.entries()),
    options,
  );
}

function sourceStack(image: Image, call: SourceCall): LayerStack {
  return { id: image.id, config: image.config, naming: "number", layers: sourceLayers(image, call) };
}

function storedStack(stores: Stores, image: StoredImage): LayerStack {
  return { id: image.id, config: image.config, naming: "path", layers: storedLayers(stores, image) };
}
