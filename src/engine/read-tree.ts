import { LayerfsError, printable } from "../core/errors.ts";
import type { LayerRecord } from "../layer/records.ts";
import { readLayerFile } from "../layer/stored-tar.ts";
import { openDirectory } from "../sys/at.ts";
import { close } from "../sys/file.ts";
import { contentOf, list, lstat, resolve, walk } from "../view/lookup.ts";
import { type MergedTree, mergeLayers } from "../view/merged-tree.ts";
import type { PlacedNode } from "../view/node.ts";
import type { TreeNode } from "./engine.ts";
import { openStoredImage } from "./explain.ts";
import { storedEntries } from "./stored-entries.ts";
import type { Stores } from "./stores.ts";

/** The nodes below `path`, or the one node there; computed from the layers' records, without mounting. */
export async function listTree(stores: Stores, image: string, path: string, recursive: boolean): Promise<TreeNode[]> {
  const { layers } = openStoredImage(stores, image);
  return listMerged(await mergeStored(layers), path, recursive);
}

/** The content of the file that `path` leads to, symlinks followed inside the image. */
export async function readTreeFile(stores: Stores, image: string, path: string): Promise<AsyncIterable<Buffer>> {
  const { layers } = openStoredImage(stores, image);
  const { layer, name } = findContent(await mergeStored(layers), path);
  const record = layers[layer] as LayerRecord;
  return readFrom(stores.layers.driver.place(record.cacheID).directory, name);
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

async function* readFrom(directory: string, name: Buffer): AsyncGenerator<Buffer> {
  const rootFd = openDirectory(directory);
  try {
    yield* readLayerFile(rootFd, name);
  } finally {
    close(rootFd);
  }
}

function describe(place: PlacedNode): TreeNode {
  const { kind, mode, uid, gid, size, mtime, linkTarget, device, layer } = lstat(place);
  const path = Buffer.from(`/${place.path}`, "latin1");
  const name = path.subarray(path.lastIndexOf("/") + 1);
  return { name, path, kind, mode, uid, gid, size, mtime, linkTarget, device, layer };
}
