import { readdirSync, rmdirSync, rmSync } from "node:fs";
import { dirname, join } from "node:path";
import { hideHalfMadeContainers } from "../container/records.ts";
import { sweepBlobs } from "../content/sweep.ts";
import { removeStrayRecords } from "../image/metadata.ts";
import { readNames } from "../layer/records.ts";
import { recover } from "../layer/remove.ts";
import { type MountRecord, staleness } from "../mount/holders.ts";
import type { Stores } from "./stores.ts";

/** Below `image/<driver>/distribution`: what is known of registries. */
const NOTES = ["v2metadata-by-diffid/sha256", "diffid-by-digest/sha256"];
/** Below layerfs's own directory: blobs until their image is in the store, and of pulls that were broken off. */
export const BLOBS = "blobs";
/** What pulls that were broken off have fetched is kept for a week, and the newest 8 GiB of it (docs/pull.md). */
const KEEP_BLOBS_MS = 7 * 24 * 3600 * 1000;
const KEEP_BLOB_BYTES = 8 * 2 ** 30;

/** Directories that layerfs makes to mount on, where the user names none. */
export function ownTargets(stores: Stores): string {
  return join(stores.layers.layout.own, "mnt");
}

/**
 * Cleans up what ended processes and mounts have left, before anything else is done. Read-write layers of mounts that
 * are gone stay if something was changed in them, for that is the user's. The caller holds the exclusive lock, so no
 * file that is being written lies under a temporary name.
 */
export async function recoverAll(stores: Stores): Promise<void> {
  for (const holder of stores.holders.list()) {
    if (staleness(holder) !== null && !(await hasChanges(stores, holder))) await dropHolder(stores, holder);
  }
  const { leases, own } = stores.layers.layout;
  const { content, distribution, metadata, repositories } = stores.images;
  removeStrayRecords(stores.images);
  const records = readNames(metadata).map((name) => join(metadata, name));
  const notes = NOTES.map((name) => join(distribution, name));
  removeTemporaries(
    content,
    dirname(repositories),
    ...records,
    ...notes,
    leases,
    stores.holders.directory,
    join(own, "tmp"),
  );
  sweepBlobs(join(own, BLOBS), { keepSince: Date.now() - KEEP_BLOBS_MS, maxBytes: KEEP_BLOB_BYTES });
  removeUnusedTargets(stores);
  hideHalfMadeContainers(stores);
  await recover(stores.layers);
}

/** Whether a mount's read-write layer may hold something. Of a full tree nobody can tell. */
export async function hasChanges(stores: Stores, { rwLayer }: MountRecord): Promise<boolean> {
  const { driver } = stores.layers;
  if (rwLayer === undefined || !(await driver.exists(rwLayer))) return false;
  return driver.traits.layerForm !== "overlay-dir" || readdirSync(driver.place(rwLayer).directory).length > 0;
}

/** Forgets a mount that is no more, with what was made for it. */
export async function dropHolder(stores: Stores, holder: MountRecord): Promise<void> {
  if (holder.rwLayer !== undefined) await stores.layers.driver.remove(holder.rwLayer);
  stores.holders.remove(holder.id);
  if (dirname(holder.target) === ownTargets(stores)) rmdirIfEmpty(holder.target);
}

function removeTemporaries(...directories: readonly string[]): void {
  for (const directory of directories) {
    for (const name of readNames(directory)) {
      if (/^\..*\.tmp$/.test(name) || name.endsWith(".json.new")) rmSync(join(directory, name), { force: true });
    }
  }
}

function removeUnusedTargets(stores: Stores): void {
  const used = new Set(stores.holders.list().map(({ target }) => target));
  for (const name of readNames(ownTargets(stores))) {
    const target = join(ownTargets(stores), name);
    if (!used.has(target)) rmdirIfEmpty(target);
  }
}

/** A directory with something in it, or mounted on, is left alone. */
function rmdirIfEmpty(directory: string): void {
  try {
    if (readdirSync(directory).length === 0) rmdirSync(directory);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code !== "ENOENT" && code !== "EBUSY" && code !== "ENOTEMPTY") throw error;
  }
}
