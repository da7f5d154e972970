import { LayerfsError, printable } from "../core/errors.ts";
import type { LayerRecord } from "../layer/records.ts";
import { readLayerFile } from "../layer/stored-tar.ts";
import { placeOf } from "../layer/whole.ts";
import { openDirectory } from "../sys/at.ts";
import { close } from "../sys/file.ts";
import { contentOf, list, lstat, resolve, walk } from "../view/lookup.ts";
import { type MergedTree, mergeLayers } from "../view/merged-tree.ts";
import type { PlacedNode } from "../view/node.ts";
import type { TreeNode } from "./engine.ts";
import { storedEntries } from "./stored-entries.ts";
import { isThere, type StoredImage, whileThere } from "./stored-image.ts";
import type { Stores } from "./stores.ts";

/** The nodes below `path`, or the one node there; computed from the layers' records, without mounting. */
export function listTree(stores: Stores, image: string, path: string, recursive: boolean): Promise<TreeNode[]> {
  return whileThere(stores, image, async ({ layers }) => listMerged(await mergeStored(layers), path, recursive));
}

/** The content of the file that `path` leads to, symlinks followed inside the image. */
export function readTreeFile(stores: Stores, image: string, path: string): Promise<AsyncIterable<Buffer>> {
  return whileThere(stores, image, (stored) => findStored(stores, stored, path));
}

async function findStored(stores: Stores, image: StoredImage, path: string): Promise<AsyncIterable<Buffer>> {
  const { layer, name } = findContent(await mergeStored(image.layers), path);
  const record = image.layers[layer] as LayerRecord;
  return readFrom(stores, image, placeOf(stores.layers, record).directory, name);
}

/** The nodes of a merged tree below `path`, or the one node there. */
export function listMerged(tree: MergedTree, path: string, recursive: boolean): TreeNode[] {
  const place = resolve(tree, Buffer.from(path));
  if (place.node.kind !== "directory") return [describe(place)];
  if (!recursive) return list(tree, Buffer.from(path)).map(describe);
  return [...walk(place)].slice(1).map(describe);
}

/** The layer that holds the file that `path` leads to, and its name there. Fails with UNSUPPORTED for what is no file. */
export function findContent(tree: MergedTree, path: string): ReturnType<typeof contentOf> {
  const place = resolve(tree, Buffer.from(path));
  if (place.node.kind === "file") return contentOf(place);
  throw new LayerfsError("UNSUPPORTED", `${printable(path)} is no file but a ${place.node.kind}`);
}

function mergeStored(layers: readonly LayerRecord[]): Promise<MergedTree> {
  return mergeLayers(layers.map(({ tarSplit }) => storedEntries(tarSplit)));
}

async function* readFrom(stores: Stores, image: StoredImage, directory: string, name: Buffer): AsyncGenerator<Buffer> {
  let rootFd: number | undefined;
  try {
    rootFd = openDirectory(directory);
    yield* readLayerFile(rootFd, name);
  } catch (error) {
    if (isThere(stores, image)) throw error;
    throw new LayerfsError("NOT_FOUND", `image ${image.id} was removed while it was read`, { cause: error });
  } finally {
    if (rootFd !== undefined) close(rootFd);
  }
}

function describe(place: PlacedNode): TreeNode {
  const { kind, mode, uid, gid, size, mtime, linkTarget, device, layer } = lstat(place);
  const path = Buffer.from(`/${place.path}`, "latin1");
  const name = path.subarray(path.lastIndexOf("/") + 1);
  return { name, path, kind, mode, uid, gid, size, mtime, linkTarget, device, layer };
}
