import type { ImageConfig } from "../core/config.ts";
import type { Digest } from "../core/digest.ts";
import { LayerfsError, printable } from "../core/errors.ts";
import type { Image } from "../core/image.ts";
import { readLayerFile } from "../layer/stored-tar.ts";
import { placeOf } from "../layer/whole.ts";
import { openDirectory } from "../sys/at.ts";
import { close } from "../sys/file.ts";
import { nameKey } from "../union/entry-path.ts";
import { type LayerEntries, type MergedTree, mergeLayers } from "../view/merged-tree.ts";
import type { ReadOptions } from "./engine.ts";
import { layerMakers } from "./explain-history.ts";
import { type FilePiece, layerFiles } from "./layer-files.ts";
import { layerEntries } from "./layer-stream.ts";
import { refuseUnsupported } from "./load.ts";
import { openSourceImage } from "./source.ts";
import { storedEntries } from "./stored-entries.ts";
import { isThere, openStoredImage, type StoredImage, whileThere } from "./stored-image.ts";
import type { Stores } from "./stores.ts";

/** One layer of an image that is read, of the store or of a source. */
export interface StackLayer {
  readonly diffID: Digest;
  /** The instruction that made it, as the history has it; null where it does not tell. */
  readonly createdBy: string | null;
  /** Read anew at each call, and verified. */
  entries(): LayerEntries;
  /**
   * The contents of the files with these stored names (keys, see `nameKey`), in the order in which the layer has them;
   * the layer is read until the last of them.
   */
  files(wanted: ReadonlySet<string>): AsyncIterable<FilePiece>;
}

/** An image to read, wherever it lies. */
export interface LayerStack {
  readonly id: Digest;
  readonly config: ImageConfig;
  /** Lowest first. */
  readonly layers: readonly StackLayer[];
}

/** How the image that a text names is found: `reading` opens the store, if the text names no source. */
export interface StackFinder {
  readonly text: string;
  readonly call: ReadOptions;
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
export function mergeStack(image: LayerStack, { signal }: ReadOptions): Promise<MergedTree> {
  return mergeLayers(
    image.layers.map((layer) => layer.entries()),
    { signal },
  );
}

function sourceStack(image: Image, call: ReadOptions): LayerStack {
  refuseUnsupported(image);
  const makers = layerMakers(image.config.history);
  const layers = image.layers.map(
    (layer, index): StackLayer => ({
      diffID: layer.diffID,
      createdBy: makers[index]?.createdBy ?? null,
      entries: () => layerEntries(layer, call),
      files: (wanted) => layerFiles(layer, wanted, call),
    }),
  );
  return { id: image.id, config: image.config, layers };
}

function storedStack(stores: Stores, image: StoredImage): LayerStack {
  const makers = layerMakers(image.config.history);
  const layers = image.layers.map((record, index): StackLayer => {
    const directory = (): string => placeOf(stores.layers, record).directory;
    return {
      diffID: record.diffID,
      createdBy: makers[index]?.createdBy ?? null,
      entries: () => untilRemoved(stores, image, storedEntries(record.tarSplit)),
      files: (wanted) => untilRemoved(stores, image, storedFiles(record.tarSplit, directory, wanted)),
    };
  });
  return { id: image.id, config: image.config, layers };
}

async function* storedFiles(
  tarSplit: string,
  directory: () => string,
  wanted: ReadonlySet<string>,
): AsyncGenerator<FilePiece> {
  if (wanted.size === 0) return;
  const rootFd = openDirectory(directory());
  try {
    let left = wanted.size;
    for await (const { storedName } of storedEntries(tarSplit)) {
      if (left === 0) return;
      const name = nameKey(storedName);
      if (!wanted.has(name)) continue;
      left--;
      for (const bytes of readLayerFile(rootFd, storedName)) yield { name, bytes, isLast: false };
      yield { name, bytes: NO_BYTES, isLast: true };
    }
  } finally {
    close(rootFd);
  }
}

const NO_BYTES = Buffer.alloc(0);

/** What cannot be read of an image that has just been removed is told so. */
async function* untilRemoved<T>(stores: Stores, image: StoredImage, items: AsyncIterable<T>): AsyncGenerator<T> {
  try {
    yield* items;
  } catch (error) {
    if (isThere(stores, image)) throw error;
    throw new LayerfsError("NOT_FOUND", `image ${printable(image.id)} was removed while it was read`, { cause: error });
  }
}
