import { join } from "node:path";
import { isLayerfsError, LayerfsError } from "../core/errors.ts";
import { type Lock, tryLock } from "../sys/lock.ts";
import { makeDirectories } from "../sys/make-directories.ts";

/** What a running dockerd keeps locked (flock, exclusively) in its data root, and nobody else touches. */
const VOLUMES = "volumes";
const HELD_BY_DOCKERD = "metadata.db";

/**
 * Keeps dockerd from starting on a data root, as long as the lock is held; null where no dockerd ever used the root.
 * Several writers hold it together. Fails with ROOT_IN_USE while a dockerd runs on the root.
 */
export function keepOutDockerd(root: string): Lock | null {
  try {
    return lockOut(root);
  } catch (error) {
    if (isLayerfsError(error) && error.errno === "ENOENT") return null;
    throw error;
  }
}

/**
 * The same where no dockerd ever used the root: its file is made empty, which dockerd takes for a new one; modes are
 * Docker's.
 */
export function keepOutFirstDockerd(root: string): Lock {
  makeDirectories(join(root, VOLUMES), 0o701);
  return lockOut(root, 0o644);
}

/** Whether a dockerd runs on the root. */
export function isHeldByDockerd(root: string): boolean {
  try {
    using lock = tryLock(join(root, VOLUMES, HELD_BY_DOCKERD), "shared");
    return lock === null;
  } catch (error) {
    if (isLayerfsError(error) && (error.errno === "ENOENT" || error.errno === "EACCES")) return false;
    throw error;
  }
}

function lockOut(root: string, createMode?: number): Lock {
  const path = join(root, VOLUMES, HELD_BY_DOCKERD);
  const lock = tryLock(path, "shared", createMode);
  if (lock !== null) return lock;
  throw new LayerfsError("ROOT_IN_USE", `${root} is in use by a running dockerd, which holds ${path}`, {
    hint: "stop that dockerd, or use another --root; what only reads the root works meanwhile, also save, unpack, and mount without --rw",
  });
}
