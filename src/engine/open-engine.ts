import { accessSync, constants } from "node:fs";
import { LayerfsError } from "../core/errors.ts";
import { applyPool } from "../layer/apply/pool.ts";
import type { RegistryClient } from "../source/registry/registry-client.ts";
import { parseSourceName } from "../source/source-name.ts";
import { fromAnyError } from "../sys/errno.ts";
import type { Lock } from "../sys/lock.ts";
import { containerTasks } from "./containers/container-tasks.ts";
import { findStores, parseDockerRoot } from "./docker-root.ts";
import { isHeldByDockerd, keepOutDockerd, keepOutFirstDockerd } from "./dockerd.ts";
import type { Engine, EngineOptions, ReadOptions } from "./engine.ts";
import type { LeasableStores } from "./outgoing/save.ts";
import { dataRoot } from "./root.ts";
import { openSourceImage, refuseSource } from "./source.ts";
import { IGNORE_OWNERS } from "./stores.ts";
import * as tasks from "./tasks.ts";
import { openCache } from "./tree/layer-index/default-cache.ts";
import type { StackFinder } from "./tree/layer-stack.ts";

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
    const stores = await tasks.openStores(settings, "write");
    lock ??= keepOutFirstDockerd(root);
    return stores;
  });
  // Loaded for those alone that need it, as all commands wait for what is loaded.
  const registries = once(async () => {
    const { registryClient } = await import("../source/registry/registry-client.ts");
    client = registryClient(options.registries);
    return client;
  });
  const reading = once(() => tasks.openStores(settings, "read"));
  const leasable = async (): Promise<LeasableStores> =>
    isReadOnly(root) ? { stores: await reading(), mayWrite: false } : { stores: await writing(), mayWrite: true };
  const finder = (text: string, call: ReadOptions): StackFinder => ({
    text,
    call: { ...call, cache, ...reach, onDuplicates: options.onDuplicates },
    reading,
  });
  const containers = containerTasks({ reading, writing, pool });
  return {
    root,
    createContainer: told(containers.createContainer),
    containers: told(containers.containers),
    inspectContainer: told(containers.inspectContainer),
    removeContainer: told(containers.removeContainer),
    renameContainer: told(containers.renameContainer),
    diff: told(containers.diff),
    commit: told(containers.commit),
    load: told(async (input, call = {}) => tasks.loadInput(await writing(), input, pool, { ...call, ...reach })),
    import: told(async (input, call = {}) => tasks.importTar(await writing(), input, pool, call)),
    save: told(async (names, target, call = {}) => {
      for (const name of names) refuseSource(name, "saved");
      return tasks.saveImages(await leasable(), names, target, { ...call, ...reach });
    }),
    copy: told(async (from, to, call = {}) => {
      const { registries: settings, maxConcurrentDownloads } = options;
      if (parseSourceName(to) === null)
        return tasks.copyToStore({ stores: await writing(), registries, pool }, from, to, {
          ...call,
          maxConcurrentDownloads,
        });
      if (parseSourceName(from) !== null) return tasks.copyImages(from, to, { ...call, registries: settings });
      return tasks.copyFromStore(from, to, leasable, { ...call, registries: settings });
    }),
    push: told(async (name, call = {}) => {
      refuseSource(name, "pushed");
      return tasks.pushImages(await writing(), (await registries()).repository, name, call);
    }),
    pull: told(async (reference, call = {}) =>
      tasks.pullImage(await writing(), await registries(), reference, pool, {
        ...call,
        maxConcurrentDownloads: options.maxConcurrentDownloads,
      }),
    ),
    login: told(async (request, call = {}) => tasks.login(await registries(), request, call)),
    logout: told(async (server) => tasks.logout(await registries(), server)),
    images: told(async (filters) => tasks.listImages(await reading(), filters)),
    inspect: told(async (image, call = {}) => {
      await using source = await openSourceImage(image, { ...call, ...reach });
      if (source !== null) return await tasks.inspectSource(source, call);
      const { stores, name } = await findStores(image, reading);
      return tasks.inspectImage(stores, name);
    }),
    history: told(async (image, call = {}) => {
      await using source = await openSourceImage(image, { ...call, ...reach });
      if (source !== null) return await tasks.sourceHistory(source, call);
      const { stores, name } = await findStores(image, reading);
      return tasks.imageHistory(stores, name);
    }),
    tag: told(async (source, target) => {
      refuseSource(source, "tagged");
      return tasks.tagImage(await writing(), source, target);
    }),
    explain: told(async (image, call = {}) => {
      const path = call.path === undefined ? null : Buffer.from(call.path);
      await using source = await openSourceImage(image, { ...call, ...reach });
      if (source === null) {
        const { stores, name } = await findStores(image, reading);
        return await tasks.explain(stores, name, path);
      }
      return await tasks.explainSource(image, source.image, path, call);
    }),
    explainDirectory: told(async (directory) =>
      parseSourceName(directory) === null ? tasks.explainDirectory(await reading(), directory) : null,
    ),
    check: told(async (images, call = {}) => {
      for (const image of images) refuseSource(image, "checked");
      return tasks.checkImages(reading, images, call);
    }),
    removeImage: told(async (image, { force = false, prune = true } = {}) => {
      refuseSource(image, "removed");
      return tasks.removeImage(await writing(), image, { force, prune });
    }),
    mount: told(async (request) => {
      refuseSource(request.image, "mounted");
      if (!request.readWrite && isReadOnly(root)) return tasks.mountUnrecorded(await reading(), request);
      return tasks.mountNamed(await writing(), request);
    }),
    mountDirectories: told(tasks.mountDirectories),
    unmount: told(async (request) => {
      const unmounted = isReadOnly(root) ? await tasks.unmountUnrecorded(await reading(), request) : null;
      return unmounted ?? tasks.unmountTarget(await writing(), request);
    }),
    mounts: told(async () => tasks.listMounts(await reading())),
    unpack: told(async (image, directory, call = {}) => {
      await using source = await openSourceImage(image, { ...call, ...reach });
      if (source !== null) return await tasks.unpackSource(source, directory, unpackSettings, pool, call);
      if (!isReadOnly(root) && parseDockerRoot(image) === null)
        return tasks.unpackImage(await writing(), image, directory, pool, call);
      const { stores, name } = await findStores(image, reading);
      return tasks.unpackUnleased(stores, name, directory, pool, call);
    }),
    list: told((image, path, call = {}) => joined(tasks.listNodes(finder(image, call), path, call))),
    listInPieces: (image, path, call = {}) => toldStream(tasks.listNodes(finder(image, call), path, call)),
    listChanges: told(async (image, path, call = {}) => tasks.listChanges(finder(image, call), path, call)),
    stat: told(async (image, path, call = {}) => tasks.statNode(finder(image, call), path, call)),
    find: told((image, path, call = {}) => joined(tasks.findInImage(finder(image, call), path, call))),
    findInPieces: (image, path, call = {}) => toldStream(tasks.findInImage(finder(image, call), path, call)),
    compare: told(async (before, after, call = {}) => tasks.compareImages(finder(before, call), finder(after, call))),
    waste: told(async (image, call = {}) => tasks.findWaste(finder(image, call), call)),
    export: (name, call = {}) => toldStream(tasks.exportTree(finder(name, call), call)),
    exportToFile: told(async (name, file, call = {}) => tasks.exportToFile(finder(name, call), file, call)),
    copyTar: (name, path, call = {}) => toldStream(tasks.copyTar(finder(name, call), path, call)),
    copyOut: told(async (name, path, destination, call = {}) =>
      tasks.copyOut(finder(name, call), path, destination, call),
    ),
    copyIn: told(async (container, source, path, call = {}) =>
      tasks.copyIn(await writing(), container, source, path, call),
    ),
    copyTarIn: told(async (container, tar, path, call = {}) =>
      tasks.copyTarIn(await writing(), container, tar, path, call),
    ),
    readFile: told(async (image, path, call = {}) => tasks.readFile(finder(image, call), path)),
    info: told(async () => {
      const readOnly = isReadOnly(root);
      return tasks.storeInfo(await tasks.openStores(settings, readOnly ? "read" : "try"), readOnly);
    }),
    apply: told(async (directory, tar, call = {}) =>
      tasks.applyToDirectory(directory, tar, { ...call, ...unpackSettings }),
    ),
    changes: told(async (before, after) => tasks.treeChanges(before, after)),
    diffTar: tasks.diffTar,
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

async function joined<T>(pieces: AsyncIterable<readonly T[]>): Promise<T[]> {
  const all: T[] = [];
  for await (const piece of pieces) for (const item of piece) all.push(item);
  return all;
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
