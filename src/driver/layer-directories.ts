import { chmodSync, mkdirSync, renameSync, statSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { LayerfsError } from "../core/errors.ts";
import { openPath } from "../sys/at.ts";
import { fromNodeError } from "../sys/errno.ts";
import { close, syncfsAsync } from "../sys/file.ts";
import { O_DIRECTORY, O_RDONLY } from "../sys/flags.ts";
import { readMountInfo } from "../sys/mountinfo.ts";
import { readPlainDirectory } from "../sys/plain-path.ts";
import { removeTreeAsync } from "../sys/remove-tree.ts";
import { isLayerID, REMOVING } from "./layer-id.ts";

/* What drivers with one directory a layer have in common. Everything here throws `systemError` where a call fails. */

/** Makes a directory with exactly this mode, whatever the umask. */
export function makeDirectory(path: string, mode: number): void {
  attempt("make directory", path, () => {
    mkdirSync(path, mode);
    chmodSync(path, mode);
  });
}

/** As `makeDirectory`; a directory that is there stays as it is. */
export function ensureDirectory(path: string, mode: number): void {
  if (!isDirectory(path)) makeDirectory(path, mode);
}

export function isDirectory(path: string): boolean {
  return attempt("look at", path, () => statSync(path, { throwIfNoEntry: false })?.isDirectory() ?? false);
}

/** Ids of the layers in `parent`, those too whose removal was interrupted. None if `parent` is absent. */
export function layerIDs(parent: string): string[] {
  const names = attempt("read directory", parent, () => readPlainDirectory(parent))
    .filter((entry) => entry.isDirectory())
    .map(({ name }) => (name.endsWith(REMOVING) ? name.slice(0, -REMOVING.length) : name));
  return [...new Set(names.filter(isLayerID))].sort();
}

/**
 * Removes a layer's directory by way of the name `<id>-removing`, so that a crash in between leaves nothing that looks
 * like a layer; repeating it finishes the work. `beforeDelete` gets the renamed directory while it is still whole.
 *
 * Fails with CONFLICT, changing nothing, if something is mounted below it.
 */
export async function removeLayerDirectory(
  directory: string,
  beforeDelete: (renamed: string) => void = () => {},
): Promise<void> {
  const renamed = `${directory}${REMOVING}`;
  if (isDirectory(renamed)) await deleteRenamed(renamed, beforeDelete);
  if (!isDirectory(directory)) return;
  refuseMounted(directory);
  attempt("rename", directory, () => renameSync(directory, renamed));
  await deleteRenamed(renamed, beforeDelete);
}

/** Makes everything on the file system of `directory` durable. */
export async function syncFileSystem(directory: string): Promise<void> {
  const fd = openPath(directory, O_RDONLY | O_DIRECTORY);
  try {
    await syncfsAsync(fd);
  } finally {
    close(fd);
  }
}

async function deleteRenamed(renamed: string, beforeDelete: (renamed: string) => void): Promise<void> {
  beforeDelete(renamed);
  const parent = openPath(dirname(renamed), O_RDONLY | O_DIRECTORY);
  try {
    await removeTreeAsync(parent, Buffer.from(basename(renamed)));
  } finally {
    close(parent);
  }
}

function refuseMounted(directory: string): void {
  const mounted = readMountInfo().find(({ mountPoint }) => mountPoint.startsWith(join(directory, "/")));
  if (mounted === undefined) return;
  throw new LayerfsError("CONFLICT", `cannot remove ${directory}: ${mounted.mountPoint} is mounted`, {
    hint: `unmount it first: layerfs umount ${mounted.mountPoint}`,
  });
}

/** Runs a call of node:fs and throws its failure as a LayerfsError. */
export function attempt<T>(action: string, object: string, call: () => T): T {
  try {
    return call();
  } catch (error) {
    throw fromNodeError(error, action, object);
  }
}
