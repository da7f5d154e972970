import { lstat } from "../view/lookup.ts";
import type { PlacedNode } from "../view/node.ts";
import type { View, ViewNode } from "../view/view.ts";
import type { ImageInStores } from "./docker-root.ts";
import type { ListOptions, ReadOptions, TreeNode } from "./engine.ts";
import { imageView, type LookOptions } from "./image-view.ts";
import { type StoredImage, whileThere } from "./stored-image.ts";
import { storedLayers } from "./stored-layers.ts";
import type { Stores } from "./stores.ts";

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

/** The nodes of a view below `path`, or the one node there. */
export function listView(view: View, path: string, recursive: boolean): TreeNode[] {
  const node = view.stat(path);
  if (node.kind !== "directory") return [describe(node)];
  return Array.from(recursive ? [...view.walk({ from: path })].slice(1) : view.readdir(path), describe);
}

/** A node that `walk` or `resolve` gave. */
export function describePlace(place: PlacedNode): TreeNode {
  const path = Buffer.from(`/${place.path}`, "latin1");
  return describe({ ...lstat(place), path, name: path.subarray(path.lastIndexOf("/") + 1) });
}

function describe(node: Omit<ViewNode, "ino">): TreeNode {
  const { name, path, kind, mode, uid, gid, size, mtime, linkTarget, device, layer } = node;
  return { name, path, kind, mode, uid, gid, size, mtime, linkTarget, device, layer };
}
