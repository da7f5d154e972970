import { accessSync, constants } from "node:fs";
import { LayerfsError } from "../core/errors.ts";
import { applyPool } from "../layer/apply/pool.ts";
import { treeChanges } from "../layer/changes.ts";
import { diffTar } from "../layer/diff-tar.ts";
import { parseSourceName } from "../source/source-name.ts";
import { fromAnyError } from "../sys/errno.ts";
import type { Lock } from "../sys/lock.ts";
import { findStores } from "./docker-root.ts";
import { isHeldByDockerd, keepOutDockerd, keepOutFirstDockerd } from "./dockerd.ts";
import type { Engine, EngineOptions } from "./engine.ts";
import { explain } from "./explain.ts";
import { explainDirectory } from "./explain-directory.ts";
import { explainSource } from "./explain-source.ts";
import { imageHistory } from "./history.ts";
import { storeInfo } from "./info.ts";
import { inspectImage } from "./inspect-image.ts";
import { openCache } from "./layer-index/default-cache.ts";
import { listImages } from "./list-images.ts";
import { loadInput } from "./load-input.ts";
import { listMounts, mountDirectories, mountImage, unmountTarget } from "./mounting.ts";
import { IGNORE_OWNERS, openStores } from "./open-stores.ts";
import { applyToDirectory } from "./plumbing.ts";
import { listSource, readSourceFile, unpackSource } from "./read-source.ts";
import { listTree, readTreeFile } from "./read-tree.ts";
import { removeImage } from "./remove-image.ts";
import { dataRoot } from "./root.ts";
import { openSourceImage, refuseToMountSource } from "./source.ts";
import { tagImage } from "./tag-image.ts";
import { unpackImage } from "./unpack.ts";

/** Opens an engine on a data root; nothing is read or made before the first call. */
export async function openEngine(options: EngineOptions = {}): Promise<Engine> {
  const root = dataRoot(options.root);
  const settings = { ...options, root, storageOptions: parseStorageOptions(options.storageOptions ?? []) };
  const unpackSettings = {
    maxLayerSize: options.maxLayerSize ?? null,
    ignoreOwners: settings.storageOptions.get(IGNORE_OWNERS) === "true",
  };
  const cache = openCache(options.cacheDirectory);
  const pool = applyPool();
  let lock: Lock | null = null;
  const writing = once(async () => {
    lock ??= keepOutDockerd(root);
    const stores = await openStores(settings, "write");
    lock ??= keepOutFirstDockerd(root);
    return stores;
  });
  const reading = once(() => openStores(settings, "read"));
  return {
    root,
    load: told(async (input, call = {}) => loadInput(await writing(), input, pool, call)),
    images: told(async (filters) => listImages(await reading(), filters)),
    inspect: told(async (image) => inspectImage(await reading(), image)),
    history: told(async (image) => imageHistory(await reading(), image)),
    tag: told(async (source, target) => tagImage(await writing(), source, target)),
    explain: told(async (image, call = {}) => {
      const path = call.path === undefined ? null : Buffer.from(call.path);
      await using source = await openSourceImage(image, call);
      if (source === null) {
        const { stores, name } = await findStores(image, reading);
        return await explain(stores, name, path);
      }
      return await explainSource(image, source.image, path, call);
    }),
    explainDirectory: told(async (directory) =>
      parseSourceName(directory) === null ? explainDirectory(await reading(), directory) : null,
    ),
    removeImage: told(async (image, { force = false, prune = true } = {}) =>
      removeImage(await writing(), image, { force, prune }),
    ),
    mount: told(async (request) => {
      refuseToMountSource(request.image);
      return mountImage(await writing(), request);
    }),
    mountDirectories: told(mountDirectories),
    unmount: told(async (request) => unmountTarget(await writing(), request)),
    mounts: told(async () => listMounts(await reading())),
    unpack: told(async (image, directory, call = {}) => {
      await using source = await openSourceImage(image, call);
      if (source === null) return unpackImage(await writing(), image, directory, pool, call);
      return await unpackSource(source, directory, unpackSettings, pool, call);
    }),
    list: told(async (image, path, call = {}) => {
      await using source = await openSourceImage(image, call);
      if (source === null) return await listTree(await findStores(image, reading), path, { ...call, cache });
      return await listSource(source, path, { ...call, cache });
    }),
    readFile: told(async (image, path, call = {}) => {
      const source = await openSourceImage(image, call);
      if (source === null) return readTreeFile(await findStores(image, reading), path, { cache });
      return readSourceFile(source, path, { ...call, cache });
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
