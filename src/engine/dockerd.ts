import { join } from "node:path";
import { isLayerfsError, LayerfsError } from "../core/errors.ts";
import { type Lock, tryLock } from "../sys/lock.ts";
import { makeDirectories } from "../sys/make-directories.ts";

/** What a running dockerd keeps locked (flock, exclusively) in its data root, and nobody else touches. */
const VOLUMES = "volumes";
const HELD_BY_DOCKERD = "metadata.db";

/**
 * Keeps dockerd from starting on a data root, as long as the lock is held. Several writers hold it together. Where no
 * dockerd ever used the root, its file is made empty, which dockerd takes for a new one; modes are Docker's. Fails with
 * ROOT_IN_USE while a dockerd runs on the root.
 */
export function keepOutDockerd(root: string): Lock {
  makeDirectories(root, 0o710);
  makeDirectories(join(root, VOLUMES), 0o701);
  const path = join(root, VOLUMES, HELD_BY_DOCKERD);
  const lock = tryLock(path, "shared", 0o644);
  if (lock !== null) return lock;
  throw heldByDockerd(root, path);
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

function heldByDockerd(root: string, path: string): LayerfsError {
  return new LayerfsError("ROOT_IN_USE", `${root} is in use by a running dockerd, which holds ${path}`, {
    hint: "stop that dockerd, or use another --root; reading (images, explain, ls, cat, info) works meanwhile",
  });
}
