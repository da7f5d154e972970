import { join } from "node:path";
import { isLayerfsError, LayerfsError } from "../core/errors.ts";
import { type Lock, tryLock } from "../sys/lock.ts";

/** What a running dockerd keeps locked (flock, exclusively) in its data root, and nobody else touches. */
const HELD_BY_DOCKERD = join("volumes", "metadata.db");

/**
 * Keeps dockerd from starting on a data root, as long as the lock is held; null where no dockerd ever used the root.
 * Several writers hold it together. Fails with ROOT_IN_USE while a dockerd runs on the root.
 */
export function keepOutDockerd(root: string): Lock | null {
  const path = join(root, HELD_BY_DOCKERD);
  let lock: Lock | null;
  try {
    lock = tryLock(path, "shared");
  } catch (error) {
    if (isLayerfsError(error) && error.errno === "ENOENT") return null;
    throw error;
  }
  if (lock !== null) return lock;
  throw new LayerfsError("ROOT_IN_USE", `${root} is in use by a running dockerd, which holds ${path}`, {
    hint: "stop that dockerd, or use another --root; reading (images, inspect, history, explain, ls, cat, info) works meanwhile",
  });
}
