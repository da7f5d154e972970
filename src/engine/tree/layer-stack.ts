import { configPlatform, type ImageConfig } from "../../core/config.ts";
import type { Digest } from "../../core/digest.ts";
import { formatPlatform } from "../../core/platform.ts";
import { familiarString } from "../../core/reference.ts";
import { readRepositories, tagsOf } from "../../image/repositories.ts";
import type { DuplicatePath } from "../../view/merged-tree.ts";
import type { View } from "../../view/view.ts";
import { findStores } from "../docker-root.ts";
import type { EngineOptions } from "../engine.ts";
import { type StoredImage, whileThere } from "../images/stored-image.ts";
import { type OpenedImage, openSourceImage, type SourceCall } from "../source.ts";
import type { Stores } from "../stores.ts";
import type { ImageLayer } from "./image-layer.ts";
import { imageView, type LookOptions } from "./image-view.ts";
import { sourceLayers } from "./source-layers.ts";
import { storedLayers } from "./stored-layers.ts";

/** An image that was opened to be read, wherever it lies. */
export interface LayerStack extends AsyncDisposable {
  readonly id: Digest;
  readonly config: ImageConfig;
  /** `os/architecture[/variant]`. */
  readonly platform: string;
  /** What the stored names of files are: numbers of entries, or paths. */
  readonly naming: "number" | "path";
  /** Lowest first. */
  readonly layers: readonly ImageLayer[];
  /** Familiar names that it has where it lies, such as `nginx:latest`. */
  names(): readonly string[];
  /** What all layers together show; computed at the first call. */
  view(): Promise<View>;
}

export interface StackCall extends SourceCall, LookOptions {
  readonly onDuplicates?: EngineOptions["onDuplicates"];
}

/** How the image that a text names is found: `reading` opens the store, if the text names no source. */
export interface StackFinder {
  readonly text: string;
  readonly call: StackCall;
  readonly reading: () => Promise<Stores>;
}

/**
 * Opens an image and makes something of it. If that fails, the image is closed, else whoever gets what was made closes it.
 * Where an image of the store is removed meanwhile, it is looked up again, as `whileThere` does.
 */
export async function openStack<T>(finder: StackFinder, make: (stack: LayerStack) => T | Promise<T>): Promise<T> {
  const { text, call } = finder;
  const source = await openSourceImage(text, call);
  if (source !== null) return await orClose(source, () => make(sourceStack(source, call)));
  const { stores, name } = await findStores(text, finder.reading);
  return await whileThere(stores, name, (stored) => make(storedStack(stores, stored, call)));
}

/** Reads something of an image, which is closed afterwards. */
export function readStack<T>(finder: StackFinder, read: (stack: LayerStack) => Promise<T>): Promise<T> {
  return openStack(finder, async (stack) => {
    const result = await read(stack);
    await stack[Symbol.asyncDispose]();
    return result;
  });
}

/** What is read piece by piece. */
type Pieces<T> = AsyncIterable<T> | Iterable<T>;

/** As `readStack` for what is then read piece by piece; the image is closed with the last piece, or when the reader has enough. */
export function openPieces<T>(
  finder: StackFinder,
  begin: (stack: LayerStack) => Pieces<T> | Promise<Pieces<T>>,
): Promise<AsyncGenerator<T>> {
  return openStack(finder, async (stack) => closing(stack, await begin(stack)));
}

/** The same, opened when the first piece is asked for. */
export async function* streamStack<T>(
  finder: StackFinder,
  begin: (stack: LayerStack) => Pieces<T> | Promise<Pieces<T>>,
): AsyncGenerator<T> {
  yield* await openPieces(finder, begin);
}

async function* closing<T>(opened: AsyncDisposable, pieces: Pieces<T>): AsyncGenerator<T> {
  try {
    yield* pieces;
  } finally {
    await opened[Symbol.asyncDispose]();
  }
}

/** Does nothing where there are none. */
export function tellDuplicates({ onDuplicates }: StackCall, duplicates: readonly DuplicatePath[]): void {
  if (duplicates.length > 0) onDuplicates?.(duplicates);
}

async function orClose<T>(opened: AsyncDisposable, make: () => T | Promise<T>): Promise<T> {
  try {
    return await make();
  } catch (error) {
    await opened[Symbol.asyncDispose]();
    throw error;
  }
}

function sourceStack(opened: OpenedImage, call: StackCall): LayerStack {
  const { id, names, platform, config } = opened.image;
  const layers = sourceLayers(opened.image, call);
  return {
    ...{ id, config, platform: formatPlatform(platform), naming: "number", layers },
    names: () => names.map(familiarString),
    view: viewer(layers, "number", call),
    [Symbol.asyncDispose]: () => opened[Symbol.asyncDispose](),
  };
}

function storedStack(stores: Stores, stored: StoredImage, call: StackCall): LayerStack {
  const { id, config } = stored;
  const layers = storedLayers(stores, stored);
  return {
    ...{ id, config, platform: formatPlatform(configPlatform(config)), naming: "path", layers },
    names: () => tagsOf(readRepositories(stores.images), id).map((tag) => tag.name),
    view: viewer(layers, "path", call),
    [Symbol.asyncDispose]: async () => {},
  };
}

/** A failure is not kept: the next call tries again. */
function viewer(layers: readonly ImageLayer[], naming: LayerStack["naming"], call: StackCall): () => Promise<View> {
  let made: Promise<View> | null = null;
  const look = async (): Promise<View> => {
    const view = await imageView(layers, { cache: call.cache, naming, signal: call.signal });
    tellDuplicates(call, view.duplicates);
    return view;
  };
  return () => {
    made ??= look();
    made.catch(() => {
      made = null;
    });
    return made;
  };
}
