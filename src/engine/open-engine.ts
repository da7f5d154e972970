import { accessSync, constants } from "node:fs";
import { LayerfsError } from "../core/errors.ts";
import { chooseDriver } from "../driver/choose.ts";
import { imageChains, prepareImageDb } from "../image/image-db.ts";
import { imageLayout } from "../image/layout.ts";
import { applyPool } from "../layer/apply/pool.ts";
import { treeChanges } from "../layer/changes.ts";
import { diffTar } from "../layer/diff-tar.ts";
import { layerStore, prepareLayerStore } from "../layer/store.ts";
import { mountHolders } from "../mount/holders.ts";
import { parseSourceName } from "../source/source-name.ts";
import { fromAnyError } from "../sys/errno.ts";
import type { Lock } from "../sys/lock.ts";
import { makeDirectories } from "../sys/make-directories.ts";
import { compareImages } from "./compare-images.ts";
import { copyOut, copyTar } from "./copy-out.ts";
import { isHeldByDockerd, keepOutDockerd, keepOutFirstDockerd } from "./dockerd.ts";
import type { Engine, EngineOptions, ReadOptions } from "./engine.ts";
import { explain } from "./explain.ts";
import { explainDirectory } from "./explain-directory.ts";
import { explainSource } from "./explain-source.ts";
import { exportImage, exportToFile } from "./export-image.ts";
import { findInImage } from "./find-nodes.ts";
import { imageHistory, sourceHistory } from "./history.ts";
import { storeInfo } from "./info.ts";
import { inspectImage, inspectSource } from "./inspect-image.ts";
import type { StackFinder } from "./layer-stack.ts";
import { listChanges } from "./list-changes.ts";
import { listImages } from "./list-images.ts";
import { loadInput } from "./load-input.ts";
import { listMounts, mountDirectories, mountImage, unmountTarget } from "./mounting.ts";
import { applyToDirectory } from "./plumbing.ts";
import { listSource, readSourceFile, unpackSource } from "./read-source.ts";
import { listTree, readTreeFile } from "./read-tree.ts";
import { removeImage } from "./remove-image.ts";
import { dataRoot } from "./root.ts";
import { saveImages } from "./save.ts";
import { openImage, refuseSource } from "./source.ts";
import { statNode } from "./stat-node.ts";
import type { Stores } from "./stores.ts";
import { tagImage } from "./tag-image.ts";
import { unpackImage } from "./unpack.ts";
import { findWaste } from "./waste.ts";

/** Storage option that lets a user without root unpack layers: owners are then not set on disk. */
const IGNORE_OWNERS = "vfs.ignore_chown_errors";

/** Opens an engine on a data root; nothing is read or made before the first call. */
export async function openEngine(options: EngineOptions = {}): Promise<Engine> {
  const root = dataRoot(options.root);
  const settings = { ...options, root, storageOptions: parseStorageOptions(options.storageOptions ?? []) };
  const unpackSettings = {
    maxLayerSize: options.maxLayerSize ?? null,
    ignoreOwners: settings.storageOptions.get(IGNORE_OWNERS) === "true",
  };
  const pool = applyPool();
  let lock: Lock | null = null;
  const writing = once(async () => {
    lock ??= keepOutDockerd(root);
    const stores = await openStores(settings, "write");
    lock ??= keepOutFirstDockerd(root);
    return stores;
  });
  const reading = once(() => openStores(settings, "read"));
  const finder = (text: string, call: ReadOptions): StackFinder => ({ text, call, reading });
  return {
    root,
    load: told(async (input, call = {}) => loadInput(await writing(), input, pool, call)),
    save: told(async (names, target, call = {}) => {
      const mayWrite = isWritable(root) && !isHeldByDockerd(root);
      return saveImages(await (mayWrite ? writing() : reading()), mayWrite, names, target, call);
    }),
    images: told(async (filters) => listImages(await reading(), filters)),
    inspect: told(async (image, call = {}) => {
      await using source = await openImage(image, call);
      return source === null ? inspectImage(await reading(), image) : await inspectSource(source, call);
    }),
    history: told(async (image, call = {}) => {
      await using source = await openImage(image, call);
      return source === null ? imageHistory(await reading(), image) : await sourceHistory(source, call);
    }),
    tag: told(async (source, target) => {
      refuseSource(source, "tagged");
      return tagImage(await writing(), source, target);
    }),
    explain: told(async (image, call = {}) => {
      const path = call.path === undefined ? null : Buffer.from(call.path);
      await using source = await openImage(image, call);
      if (source === null) return explain(await reading(), image, path);
      return await explainSource(image, source.image, path, call);
    }),
    explainDirectory: told(async (directory) =>
      parseSourceName(directory) === null ? explainDirectory(await reading(), directory) : null,
    ),
    removeImage: told(async (image, { force = false, prune = true } = {}) => {
      refuseSource(image, "removed");
      return removeImage(await writing(), image, { force, prune });
    }),
    mount: told(async (request) => {
      refuseSource(request.image, "mounted");
      return mountImage(await writing(), request);
    }),
    mountDirectories: told(mountDirectories),
    unmount: told(async (request) => unmountTarget(await writing(), request)),
    mounts: told(async () => listMounts(await reading())),
    unpack: told(async (image, directory, call = {}) => {
      await using source = await openImage(image, call);
      if (source === null) return unpackImage(await writing(), image, directory, pool, call);
      return await unpackSource(source, directory, unpackSettings, pool, call);
    }),
    list: told(async (image, path, call = {}) => {
      await using source = await openImage(image, call);
      if (source === null) return listTree(await reading(), image, path, call.recursive ?? false);
      return await listSource(source, path, call);
    }),
    listChanges: told(async (image, path, call = {}) => listChanges(finder(image, call), path, call)),
    stat: told(async (image, path, call = {}) => statNode(finder(image, call), path, call)),
    find: told(async (image, path, call = {}) => findInImage(finder(image, call), path, call)),
    compare: told(async (before, after, call = {}) => compareImages(finder(before, call), finder(after, call), call)),
    waste: told(async (image, call = {}) => findWaste(finder(image, call), call)),
    export: (image, call = {}) => toldStream(exportImage(finder(image, call))),
    exportToFile: told(async (image, file, call = {}) => exportToFile(finder(image, call), file)),
    copyTar: (image, path, call = {}) => toldStream(copyTar(finder(image, call), path, call)),
    copyOut: told(async (image, path, destination, call = {}) => copyOut(finder(image, call), path, destination, call)),
    readFile: told(async (image, path, call = {}) => {
      const source = await openImage(image, call);
      if (source === null) return readTreeFile(await reading(), image, path);
      return readSourceFile(source, path, call);
    }),
    info: told(async () => {
      const readOnly = !isWritable(root) || isHeldByDockerd(root);
      return storeInfo(await openStores(settings, readOnly ? "read" : "try"), readOnly);
    }),
    apply: told(async (directory, tar, call = {}) => applyToDirectory(directory, tar, { ...call, ...unpackSettings })),
    changes: told(async (before, after) => treeChanges(before, after)),
    diffTar,
    [Symbol.asyncDispose]: async () => {
      await pool[Symbol.asyncDispose]();
      lock?.release();
    },
  };
}

/** The call, with every refusal of the system told as a LayerfsError. */
function told<A extends unknown[], R>(call: (...parameters: A) => Promise<R>): (...parameters: A) => Promise<R> {
  return async (...parameters) => {
    try {
      return await call(...parameters);
    } catch (error) {
      throw fromAnyError(error);
    }
  };
}

/** The same for what is read piece by piece. */
async function* toldStream<T>(items: AsyncIterable<T>): AsyncGenerator<T> {
  try {
    yield* items;
  } catch (error) {
    throw fromAnyError(error);
  }
}

interface Settings extends Omit<EngineOptions, "storageOptions"> {
  readonly root: string;
  readonly storageOptions: ReadonlyMap<string, string>;
}

/** `try`: to read, and to tell what the driver can do here, as `info` does. */
async function openStores(settings: Settings, purpose: "read" | "try" | "write"): Promise<Stores> {
  const { root, storageOptions } = settings;
  const readOnly = purpose !== "write";
  if (!readOnly) makeDirectories(root, 0o710);
  const { driver, reason, rejected } = await chooseDriver({
    root,
    name: settings.driver,
    options: storageOptions,
    readOnly,
    mayTry: purpose === "try",
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
