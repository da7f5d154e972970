import type { Image } from "../../core/image.ts";
import type { View } from "../../view/view.ts";
import type { ListOptions, ReadOptions, TreeNode } from "../engine.ts";
import type { OpenedImage } from "../source.ts";
import { imageView, type LookOptions } from "./image-view.ts";
import { listView } from "./list-view.ts";
import { sourceLayers } from "./source-layers.ts";

/** As `listTree`. All layers are read once, and verified. */
export async function listSource(
  { image }: OpenedImage,
  path: string,
  options: ListOptions & LookOptions,
): Promise<TreeNode[]> {
  return listView(await viewSource(image, options), path, options.recursive ?? false);
}

/** As `readTreeFile`. The source is closed with the returned bytes, or now if this fails. */
export async function readSourceFile(
  source: OpenedImage,
  path: string,
  options: ReadOptions & LookOptions,
): Promise<AsyncIterable<Buffer>> {
  try {
    const view = await viewSource(source.image, options);
    return closing(source, view.read(path));
  } catch (error) {
    await source[Symbol.asyncDispose]();
    throw error;
  }
}

function viewSource(image: Image, options: ReadOptions & LookOptions): Promise<View> {
  return imageView(sourceLayers(image, options), { ...options, naming: "number" });
}

async function* closing(source: AsyncDisposable, bytes: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  try {
    yield* bytes;
  } finally {
    await source[Symbol.asyncDispose]();
  }
}
