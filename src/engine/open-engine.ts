import { accessSync, constants } from "node:fs";
import { LayerfsError } from "../core/errors.ts";
import { applyPool } from "../layer/apply/pool.ts";
import type { RegistryClient } from "../source/registry/registry-client.ts";
import { parseSourceName } from "../source/source-name.ts";
import { fromAnyError } from "../sys/errno.ts";
import type { Lock } from "../sys/lock.ts";
import { findStores, parseDockerRoot } from "./docker-root.ts";
import { isHeldByDockerd, keepOutDockerd, keepOutFirstDockerd } from "./dockerd.ts";
import type { Engine, EngineOptions, ReadOptions } from "./engine.ts";
import { later, laterStream } from "./later.ts";
import { openCache } from "./layer-index/default-cache.ts";
import type { StackFinder } from "./layer-stack.ts";
import { listSource, readSourceFile } from "./read-source.ts";
import { dataRoot } from "./root.ts";
import type { LeasableStores } from "./save.ts";
import { openSourceImage, refuseSource } from "./source.ts";
import { IGNORE_OWNERS } from "./stores.ts";

// Each task is loaded when it is asked for first.
const checkImages = later(async () => (await import("./check.ts")).checkImages);
const compareImages = later(async () => (await import("./compare-images.ts")).compareImages);
const copyImages = later(async () => (await import("./copy.ts")).copyImages);
const copyOut = later(async () => (await import("./copy-out.ts")).copyOut);
const copyToStore = later(async () => (await import("./copy-to-store.ts")).copyToStore);
const explain = later(async () => (await import("./explain.ts")).explain);
const explainDirectory = later(async () => (await import("./explain-directory.ts")).explainDirectory);
const explainSource = later(async () => (await import("./explain-source.ts")).explainSource);
const exportToFile = later(async () => (await import("./export-image.ts")).exportToFile);
const findInImage = later(async () => (await import("./find-nodes.ts")).findInImage);
const imageHistory = later(async () => (await import("./history.ts")).imageHistory);
const sourceHistory = later(async () => (await import("./history.ts")).sourceHistory);
const storeInfo = later(async () => (await import("./info.ts")).storeInfo);
const inspectImage = later(async () => (await import("./inspect-image.ts")).inspectImage);
const inspectSource = later(async () => (await import("./inspect-image.ts")).inspectSource);
const listChanges = later(async () => (await import("./list-changes.ts")).listChanges);
const listImages = later(async () => (await import("./list-images.ts")).listImages);
const loadInput = later(async () => (await import("./load-input.ts")).loadInput);
const login = later(async () => (await import("./login.ts")).login);
const logout = later(async () => (await import("./login.ts")).logout);
const listMounts = later(async () => (await import("./mounting.ts")).listMounts);
const mountDirectories = later(async () => (await import("./mounting.ts")).mountDirectories);
const mountImage = later(async () => (await import("./mounting.ts")).mountImage);
const mountUnrecorded = later(async () => (await import("./mounting.ts")).mountUnrecorded);
const unmountTarget = later(async () => (await import("./mounting.ts")).unmountTarget);
const unmountUnrecorded = later(async () => (await import("./mounting.ts")).unmountUnrecorded);
const openStores = later(async () => (await import("./open-stores.ts")).openStores);
const applyToDirectory = later(async () => (await import("./plumbing.ts")).applyToDirectory);
const pullImage = later(async () => (await import("./pull.ts")).pullImage);
const pushImages = later(async () => (await import("./push.ts")).pushImages);
const unpackSource = later(async () => (await import("./unpack-source.ts")).unpackSource);
const listTree = later(async () => (await import("./read-tree.ts")).listTree);
const readTreeFile = later(async () => (await import("./read-tree.ts")).readTreeFile);
const removeImage = later(async () => (await import("./remove-image.ts")).removeImage);
const copyFromStore = later(async () => (await import("./save.ts")).copyFromStore);
const saveImages = later(async () => (await import("./save.ts")).saveImages);
const statNode = later(async () => (await import("./stat-node.ts")).statNode);
const tagImage = later(async () => (await import("./tag-image.ts")).tagImage);
const unpackImage = later(async () => (await import("./unpack.ts")).unpackImage);
const unpackUnleased = later(async () => (await import("./unpack.ts")).unpackUnleased);
const findWaste = later(async () => (await import("./waste.ts")).findWaste);
const treeChanges = later(async () => (await import("../layer/changes.ts")).treeChanges);
const exportImage = laterStream(async () => (await import("./export-image.ts")).exportImage);
const copyTar = laterStream(async () => (await import("./copy-out.ts")).copyTar);
const diffTar = laterStream(async () => (await import("../layer/diff-tar.ts")).diffTar);

/** Opens an engine on a data root; nothing is read or made before the first call. */
export async function openEngine(options: EngineOptions = {}): Promise<Engine> {
  const root = dataRoot(options.root);
  const settings = { ...options, root, storageOptions: parseStorageOptions(options.storageOptions ?? []) };
  const unpackSettings = {
    maxLayerSize: options.maxLayerSize ?? null,
    ignoreOwners: settings.storageOptions.get(IGNORE_OWNERS) === "true",
  };
  const reach = { registries: options.registries, onRetry: options.onRetry };
  const cache = openCache(options.cacheDirectory);
  const pool = applyPool();
  let lock: Lock | null = null;
  let client: RegistryClient | null = null;
  const writing = once(async () => {
    lock ??= keepOutDockerd(root);
    const stores = await openStores(settings, "write");
    lock ??= keepOutFirstDockerd(root);
    return stores;
  });
  // Loaded for those alone that need it, as all commands wait for what is loaded.
  const registries = once(async () => {
    const { registryClient } = await import("../source/registry/registry-client.ts");
    client = registryClient(options.registries);
    return client;
  });
  const reading = once(() => openStores(settings, "read"));
  const leasable = async (): Promise<LeasableStores> =>
    isReadOnly(root) ? { stores: await reading(), mayWrite: false } : { stores: await writing(), mayWrite: true };
  const finder = (text: string, call: ReadOptions): StackFinder => ({
    text,
    call: { ...call, cache, ...reach },
    reading,
  });
  return {
    root,
    load: told(async (input, call = {}) => loadInput(await writing(), input, pool, { ...call, ...reach })),
    save: told(async (names, target, call = {}) => {
      for (const name of names) refuseSource(name, "saved");
      return saveImages(await leasable(), names, target, { ...call, ...reach });
    }),
    copy: told(async (from, to, call = {}) => {
      const { registries: settings, maxConcurrentDownloads } = options;
      if (parseSourceName(to) === null)
        return copyToStore({ stores: await writing(), registries, pool }, from, to, {
          ...call,
          maxConcurrentDownloads,
        });
      if (parseSourceName(from) !== null) return copyImages(from, to, { ...call, registries: settings });
      return copyFromStore(from, to, leasable, { ...call, registries: settings });
    }),
    push: told(async (name, call = {}) => {
      refuseSource(name, "pushed");
      return pushImages(await writing(), (await registries()).repository, name, call);
    }),
    pull: told(async (reference, call = {}) =>
      pullImage(await writing(), await registries(), reference, pool, {
        ...call,
        maxConcurrentDownloads: options.maxConcurrentDownloads,
      }),
    ),
    login: told(async (request, call = {}) => login(await registries(), request, call)),
    logout: told(async (server) => logout(await registries(), server)),
    images: told(async (filters) => listImages(await reading(), filters)),
    inspect: told(async (image, call = {}) => {
      await using source = await openSourceImage(image, { ...call, ...reach });
      if (source !== null) return await inspectSource(source, call);
      const { stores, name } = await findStores(image, reading);
      return inspectImage(stores, name);
    }),
    history: told(async (image, call = {}) => {
      await using source = await openSourceImage(image, { ...call, ...reach });
      if (source !== null) return await sourceHistory(source, call);
      const { stores, name } = await findStores(image, reading);
      return imageHistory(stores, name);
    }),
    tag: told(async (source, target) => {
      refuseSource(source, "tagged");
      return tagImage(await writing(), source, target);
    }),
    explain: told(async (image, call = {}) => {
      const path = call.path === undefined ? null : Buffer.from(call.path);
      await using source = await openSourceImage(image, { ...call, ...reach });
      if (source === null) {
        const { stores, name } = await findStores(image, reading);
        return await explain(stores, name, path);
      }
      return await explainSource(image, source.image, path, call);
    }),
    explainDirectory: told(async (directory) =>
      parseSourceName(directory) === null ? explainDirectory(await reading(), directory) : null,
    ),
    check: told(async (images, call = {}) => {
      for (const image of images) refuseSource(image, "checked");
      return checkImages(reading, images, call);
    }),
    removeImage: told(async (image, { force = false, prune = true } = {}) => {
      refuseSource(image, "removed");
      return removeImage(await writing(), image, { force, prune });
    }),
    mount: told(async (request) => {
      refuseSource(request.image, "mounted");
      if (!request.readWrite && isReadOnly(root)) return mountUnrecorded(await reading(), request);
      return mountImage(await writing(), request);
    }),
    mountDirectories: told(mountDirectories),
    unmount: told(async (request) => {
      const unmounted = isReadOnly(root) ? await unmountUnrecorded(await reading(), request) : null;
      return unmounted ?? unmountTarget(await writing(), request);
    }),
    mounts: told(async () => listMounts(await reading())),
    unpack: told(async (image, directory, call = {}) => {
      await using source = await openSourceImage(image, { ...call, ...reach });
      if (source !== null) return await unpackSource(source, directory, unpackSettings, pool, call);
      if (!isReadOnly(root) && parseDockerRoot(image) === null)
        return unpackImage(await writing(), image, directory, pool, call);
      const { stores, name } = await findStores(image, reading);
      return unpackUnleased(stores, name, directory, pool, call);
    }),
    list: told(async (image, path, call = {}) => {
      await using source = await openSourceImage(image, { ...call, ...reach });
      if (source === null) return await listTree(await findStores(image, reading), path, { ...call, cache });
      return await listSource(source, path, { ...call, cache });
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
      const source = await openSourceImage(image, { ...call, ...reach });
      if (source === null) return readTreeFile(await findStores(image, reading), path, { cache });
      return readSourceFile(source, path, { ...call, cache });
    }),
    info: told(async () => {
      const readOnly = isReadOnly(root);
      return storeInfo(await openStores(settings, readOnly ? "read" : "try"), readOnly);
    }),
    apply: told(async (directory, tar, call = {}) => applyToDirectory(directory, tar, { ...call, ...unpackSettings })),
    changes: told(async (before, after) => treeChanges(before, after)),
    diffTar,
    [Symbol.asyncDispose]: async () => {
      await pool[Symbol.asyncDispose]();
      await client?.[Symbol.asyncDispose]();
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

/** Whether nothing in the root may be changed now. It may all the same be read, and mounted read-only. */
function isReadOnly(root: string): boolean {
  return !isWritable(root) || isHeldByDockerd(root);
}

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
