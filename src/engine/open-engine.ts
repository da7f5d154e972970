import { accessSync, constants, mkdirSync } from "node:fs";
import { join } from "node:path";
import { isLayerfsError, LayerfsError } from "../core/errors.ts";
import { chooseDriver } from "../driver/choose.ts";
import { imageChains, prepareImageDb } from "../image/image-db.ts";
import { imageLayout } from "../image/layout.ts";
import { applyPool } from "../layer/apply/pool.ts";
import { treeChanges } from "../layer/changes.ts";
import { diffTar } from "../layer/diff-tar.ts";
import { layerStore, prepareLayerStore } from "../layer/store.ts";
import { mountHolders } from "../mount/holders.ts";
import { openDockerArchive } from "../source/docker-archive.ts";
import type { Lock } from "../sys/lock.ts";
import { keepOutDockerd } from "./dockerd.ts";
import type { Engine, EngineOptions } from "./engine.ts";
import { explain } from "./explain.ts";
import { imageHistory } from "./history.ts";
import { storeInfo } from "./info.ts";
import { inspectImage } from "./inspect-image.ts";
import { listImages } from "./list-images.ts";
import { loadImages } from "./load.ts";
import { listMounts, mountDirectories, mountImage, unmountTarget } from "./mounting.ts";
import { applyToDirectory } from "./plumbing.ts";
import { listTree, readTreeFile } from "./read-tree.ts";
import { removeImage } from "./remove-image.ts";
import { dataRoot } from "./root.ts";
import type { Stores } from "./stores.ts";
import { tagImage } from "./tag-image.ts";
import { unpackImage } from "./unpack.ts";

/** Storage option that lets a user without root unpack layers: owners are then not set on disk. */
const IGNORE_OWNERS = "vfs.ignore_chown_errors";

/** Opens an engine on a data root; nothing is read or made before the first call. */
export async function openEngine(options: EngineOptions = {}): Promise<Engine> {
  const root = dataRoot(options.root);
  const settings = { ...options, root, storageOptions: parseStorageOptions(options.storageOptions ?? []) };
  const pool = applyPool();
  let lock: Lock | null = null;
  const writing = once(() => {
    lock ??= keepOutDockerd(root);
    return openStores(settings, false);
  });
  const reading = once(() => openStores(settings, true));
  return {
    root,
    load: async (input, call = {}) => {
      const stores = await writing();
      const spoolDirectory = join(stores.layers.layout.own, "tmp");
      mkdirSync(spoolDirectory, { recursive: true, mode: 0o700 });
      const archive = "file" in input ? input.file : { stream: input.stream as AsyncIterable<Uint8Array> };
      await using source = await openDockerArchive(archive, { spoolDirectory, signal: call.signal });
      return await loadImages(stores, source, pool, call);
    },
    images: async (filters) => listImages(await reading(), filters),
    inspect: async (image) => inspectImage(await reading(), image),
    history: async (image) => imageHistory(await reading(), image),
    explain: async (image) => explain(await reading(), image),
    tag: async (source, target) => tagImage(await writing(), source, target),
    removeImage: async (image, { force = false, prune = true } = {}) =>
      removeImage(await writing(), image, { force, prune }),
    mount: async (request) => mountImage(await writing(), request),
    mountDirectories,
    unmount: async (request) => unmountTarget(await writing(), request),
    mounts: async () => listMounts(await reading()),
    unpack: async (image, directory, call = {}) => unpackImage(await writing(), image, directory, pool, call),
    list: async (image, path, call = {}) => listTree(await reading(), image, path, call.recursive ?? false),
    readFile: async (image, path) => readTreeFile(await reading(), image, path),
    info: async () => storeInfo(isWritable(root) ? await unlessInUse(writing, reading) : await reading()),
    apply: (directory, tar, call = {}) => {
      const ignoreOwners = settings.storageOptions.get(IGNORE_OWNERS) === "true";
      return applyToDirectory(directory, tar, { ...call, maxLayerSize: options.maxLayerSize ?? null, ignoreOwners });
    },
    changes: async (before, after) => treeChanges(before, after),
    diffTar,
    [Symbol.asyncDispose]: async () => {
      await pool[Symbol.asyncDispose]();
      lock?.release();
    },
  };
}

interface Settings extends Omit<EngineOptions, "storageOptions"> {
  readonly root: string;
  readonly storageOptions: ReadonlyMap<string, string>;
}

async function openStores(settings: Settings, readOnly: boolean): Promise<Stores> {
  const { root, storageOptions } = settings;
  if (!readOnly) mkdirSync(root, { recursive: true, mode: 0o710 });
  const { driver, reason, rejected } = await chooseDriver({
    root,
    name: settings.driver,
    options: storageOptions,
    readOnly,
  });
  const images = imageLayout(root, driver.name);
  const holders = mountHolders(root);
  const layers = layerStore({
    root,
    driver,
    imageChains: () => imageChains(images),
    mountedIDs: () => holders.list().flatMap((holder) => holder.layers),
  });
  if (!readOnly) {
    prepareLayerStore(layers);
    prepareImageDb(images);
  }
  return {
    root,
    layers,
    images,
    holders,
    choice: [`${driver.name}: ${reason}`, ...rejected.map((other) => `not ${other.reason}`)],
    maxLayerSize: settings.maxLayerSize ?? null,
    ignoreOwners: storageOptions.get(IGNORE_OWNERS) === "true",
    readOnly,
  };
}

/** Only there can a driver be tried out, as `info` does. */
function isWritable(root: string): boolean {
  try {
    accessSync(root, constants.W_OK);
    return true;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === "ENOENT" || code === "EACCES" || code === "EROFS") return false;
    throw error;
  }
}

/** A root that dockerd runs on is only read. */
async function unlessInUse(writing: () => Promise<Stores>, reading: () => Promise<Stores>): Promise<Stores> {
  try {
    return await writing();
  } catch (error) {
    if (isLayerfsError(error, "ROOT_IN_USE")) return reading();
    throw error;
  }
}

function parseStorageOptions(texts: readonly string[]): Map<string, string> {
  return new Map(
    texts.map((text): [string, string] => {
      const equals = text.indexOf("=");
      if (equals > 0) return [text.slice(0, equals), text.slice(equals + 1)];
      throw new LayerfsError("USAGE", `storage option ${text}: expected KEY=VALUE`);
    }),
  );
}

/** A failure is not kept: the next call tries again. */
function once<T>(make: () => Promise<T>): () => Promise<T> {
  let made: Promise<T> | undefined;
  return async () => {
    made ??= make();
    try {
      return await made;
    } catch (error) {
      made = undefined;
      throw error;
    }
  };
}
