import { randomBytes } from "node:crypto";
import { rmSync } from "node:fs";
import { basename, join } from "node:path";
import type { Digest } from "../core/digest.ts";
import { isLayerfsError } from "../core/errors.ts";
import { fsyncDirectory } from "../sys/durable.ts";
import { containerLayerIDs } from "./container-records.ts";
import { layerDirectory } from "./layout.ts";
import { readLeases, type StaleLease } from "./lease.ts";
import { listChainIDs, listContainerParents, listRemoving, readCacheID, readNames, readParent } from "./records.ts";
import { hideRecord } from "./register.ts";
import type { LayerStore } from "./store.ts";

/**
 * Removes those of `candidates` (any order) that no image, container, mount, other lease or other layer uses, each from
 * the top down: record out of sight, driver's files, record. Returns what was removed, topmost first. The caller holds the
 * exclusive lock. After a crash in between, `recover` ends the work.
 */
export async function removeUnused(
  store: LayerStore,
  candidates: Iterable<Digest>,
  ownLease: string,
): Promise<Digest[]> {
  const wanted = new Set(candidates);
  const used = usedChainIDs(store, wanted, ownLease);
  const removed: Digest[] = [];
  for (const chainID of topmostFirst(store, wanted)) {
    if (used.has(chainID)) continue;
    const cacheID = readCacheID(layerDirectory(store.layout, chainID));
    const hidden = hideRecord(store, { chainID }, randomBytes(4).toString("hex"));
    fsyncDirectory(store.layout.layers);
    if (cacheID !== null) await store.driver.remove(cacheID);
    rmSync(hidden, { recursive: true });
    removed.push(chainID);
  }
  return removed;
}

/**
 * Removes a damaged record that was replaced, and its files unless something still stands on them: other layers,
 * containers and mounts go on with what they have. The caller holds the exclusive lock.
 */
export async function removeReplaced(store: LayerStore, directory: string): Promise<void> {
  const cacheID = readCacheID(directory);
  if (cacheID !== null && !(await isStoodOn(store, cacheID))) await store.driver.remove(cacheID);
  rmSync(directory, { recursive: true });
}

async function isStoodOn(store: LayerStore, cacheID: string): Promise<boolean> {
  if (!(await store.driver.exists(cacheID))) return false;
  if ([...store.mountedIDs(), ...allCacheIDs(store)].includes(cacheID)) return true;
  try {
    const { directory } = store.driver.place(cacheID);
    const others = (await store.driver.list()).filter((id) => id !== cacheID);
    return others.some((id) => store.driver.place(id).lowers.includes(directory));
  } catch (error) {
    if (isLayerfsError(error, "CORRUPT_STORE") || isLayerfsError(error, "NOT_FOUND")) return true;
    throw error;
  }
}

/**
 * Ends what processes that died have left: layers they made that nothing uses, driver directories without a record,
 * half-written records, half-done removals. The caller holds the exclusive lock. What other programs left is not touched.
 */
export async function recover(store: LayerStore): Promise<void> {
  for (const hidden of listRemoving(store.layout)) {
    const cacheID = readCacheID(hidden);
    if (cacheID !== null) await store.driver.remove(cacheID);
    rmSync(hidden, { recursive: true });
  }
  if (!areImagesKnown(store)) return;
  for (const lease of readLeases(store.layout).stale) await cleanUpAfter(store, lease);
}

/** While an image's config is damaged nobody can tell which layers it needs, and leases are kept for later. */
function areImagesKnown(store: LayerStore): boolean {
  try {
    store.imageChains();
    return true;
  } catch (error) {
    if (isLayerfsError(error, "CORRUPT_STORE")) return false;
    throw error;
  }
}

/** What a lease's owner made and did not finish; `lease.discard` is called last, so that a crash here is repeated. */
export async function cleanUpAfter(
  store: LayerStore,
  lease: Pick<StaleLease, "id" | "chainIDs" | "cacheIDs" | "workName" | "discard">,
): Promise<void> {
  await removeUnused(store, lease.chainIDs, lease.id);
  if (lease.cacheIDs.length > 0) {
    const recorded = new Set([...allCacheIDs(store), ...store.mountedIDs(), ...containerLayerIDs(store.layout)]);
    for (const id of lease.cacheIDs) if (!recorded.has(id)) await store.driver.remove(id);
  }
  for (const name of readNames(store.layout.tmp)) {
    if (name.startsWith(lease.workName)) rmSync(join(store.layout.tmp, basename(name)), { recursive: true });
  }
  lease.discard();
}

/** ChainIDs that something uses, with all that they stand on. Where a damaged record leaves that open, all of them. */
function usedChainIDs(store: LayerStore, candidates: ReadonlySet<Digest>, ownLease: string): ReadonlySet<Digest> {
  try {
    return knownUsed(store, candidates, ownLease);
  } catch (error) {
    if (isLayerfsError(error, "CORRUPT_STORE")) return candidates;
    throw error;
  }
}

/** Every layer that is no candidate counts as a user. Fails with CORRUPT_STORE where users cannot be known. */
function knownUsed(store: LayerStore, candidates: ReadonlySet<Digest>, ownLease: string): Set<Digest> {
  const used = new Set<Digest>(store.imageChains());
  const use = (chainID: Digest | null): void => {
    for (let next = chainID; next !== null && !used.has(next); next = readParent(store.layout, next)) used.add(next);
  };
  for (const chainID of listContainerParents(store.layout)) use(chainID);
  for (const lease of readLeases(store.layout).live) {
    if (lease.id !== ownLease) for (const chainID of lease.chainIDs) use(chainID);
  }
  const mounted = new Set(store.mountedIDs());
  for (const chainID of listChainIDs(store.layout)) {
    const cacheID = candidates.has(chainID) ? readCacheID(layerDirectory(store.layout, chainID)) : null;
    if (!candidates.has(chainID) || (cacheID !== null && mounted.has(cacheID))) use(chainID);
  }
  return used;
}

/** The candidates that are there, each before what it stands on. */
function topmostFirst(store: LayerStore, chainIDs: ReadonlySet<Digest>): Digest[] {
  const depths = new Map<Digest, number>();
  for (const chainID of listChainIDs(store.layout)) {
    if (!chainIDs.has(chainID)) continue;
    depths.set(chainID, depthOf(store, chainID));
  }
  return [...depths.keys()].sort((a, b) => (depths.get(b) ?? 0) - (depths.get(a) ?? 0));
}

/** How many layers lie below, as far as their records tell. */
function depthOf(store: LayerStore, chainID: Digest): number {
  const below = new Set<Digest>();
  try {
    for (let next = readParent(store.layout, chainID); next !== null && !below.has(next); ) {
      below.add(next);
      next = readParent(store.layout, next);
    }
  } catch (error) {
    if (!isLayerfsError(error, "CORRUPT_STORE")) throw error;
  }
  return below.size;
}

function allCacheIDs(store: LayerStore): string[] {
  return listChainIDs(store.layout).flatMap((chainID) => readCacheID(layerDirectory(store.layout, chainID)) ?? []);
}
