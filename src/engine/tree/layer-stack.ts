import type { ImageConfig } from "../../core/config.ts";
import type { Digest } from "../../core/digest.ts";
import type { Image } from "../../core/image.ts";
import { type MergedTree, type MergeOptions, mergeLayers } from "../../view/merged-tree.ts";
import { findStores } from "../docker-root.ts";
import { openStoredImage, type StoredImage, whileThere } from "../images/stored-image.ts";
import { openSourceImage, type SourceCall } from "../source.ts";
import type { Stores } from "../stores.ts";
import type { ImageLayer } from "./image-layer.ts";
import { imageView, type LookOptions } from "./image-view.ts";
import { sourceLayers } from "./source-layers.ts";
import { storedLayers } from "./stored-layers.ts";

/** An image to read, of the store or of a source. */
export interface LayerStack extends LookOptions {
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
  readonly call: SourceCall & LookOptions;
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
  const { stores, name } = await findStores(text, finder.reading);
  return await whileThere(stores, name, (stored) => read(storedStack(stores, stored, call)));
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
  const { stores, name } = await findStores(text, finder.reading);
  yield* read(storedStack(stores, openStoredImage(stores, name), call));
}

/** What all layers together show; from the cache, unless somebody wants to be told how it comes about. */
export async function mergeStack(stack: LayerStack, options: MergeOptions): Promise<MergedTree> {
  const { layers } = stack;
  if (options.onHidden === undefined && options.onDuplicate === undefined) {
    return (await imageView(layers, { ...stack, signal: options.signal })).tree;
  }
  return mergeLayers(
    layers.map((layer) => layer.entries()),
    options,
  );
}

function sourceStack(image: Image, call: SourceCall & LookOptions): LayerStack {
  const { id, config } = image;
  return { id, config, naming: "number", layers: sourceLayers(image, call), cache: call.cache };
}

function storedStack(stores: Stores, image: StoredImage, { cache }: LookOptions): LayerStack {
  return { id: image.id, config: image.config, naming: "path", layers: storedLayers(stores, image), cache };
}
