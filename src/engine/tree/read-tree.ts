import type { View } from "../../view/view.ts";
import type { ImageInStores } from "../docker-root.ts";
import type { ListOptions, ReadOptions, TreeNode } from "../engine.ts";
import { type StoredImage, whileThere } from "../images/stored-image.ts";
import type { Stores } from "../stores.ts";
import { imageView, type LookOptions } from "./image-view.ts";
import { listView } from "./list-view.ts";
import { storedLayers } from "./stored-layers.ts";

/** The nodes below `path`, or the one node there; computed from the layers' records, without mounting. */
export function listTree(
  { stores, name }: ImageInStores,
  path: string,
  options: StoredListOptions,
): Promise<TreeNode[]> {
  return whileThere(stores, name, async (stored) =>
    listView(await viewStored(stores, stored, options), path, options.recursive ?? false),
  );
}

/** The content of the file that `path` leads to, symlinks followed inside the image. */
export function readTreeFile(
  { stores, name }: ImageInStores,
  path: string,
  options: LookOptions,
): Promise<AsyncIterable<Buffer>> {
  return whileThere(stores, name, async (stored) => (await viewStored(stores, stored, options)).read(path));
}

type StoredListOptions = ListOptions & LookOptions;

function viewStored(stores: Stores, stored: StoredImage, options: ReadOptions & LookOptions): Promise<View> {
  return imageView(storedLayers(stores, stored), { ...options, naming: "path" });
}
