import type { Digest } from "../core/digest.ts";
import type { StorageDriver } from "../driver/driver.ts";
import { acquireLock } from "../sys/lock.ts";
import { makeDirectories } from "../sys/make-directories.ts";
import { type LayerLayout, layerLayout } from "./layout.ts";
import { type LayerRecord, readLayerRecord } from "./records.ts";

/** The layers of one data root under one driver. It keeps nothing in memory; every call reads the disk. */
export interface LayerStore {
  readonly layout: LayerLayout;
  readonly driver: StorageDriver;
  /** ChainIDs of all layers of all images, as the images' own configs give them at this moment. */
  readonly imageChains: () => Iterable<Digest>;
  /** Driver ids that mounts hold, as recorded at this moment. */
  readonly mountedIDs: () => Iterable<string>;
}

export interface LayerStoreOptions extends Omit<LayerStore, "layout"> {
  readonly root: string;
}

export function layerStore({ root, ...rest }: LayerStoreOptions): LayerStore {
  return { layout: layerLayout(root, rest.driver.name), ...rest };
}

/** Makes the directories that a store needs, with Docker's modes. Repeating it changes nothing. */
export function prepareLayerStore({ layout }: LayerStore): void {
  for (const directory of [layout.layerdb, layout.own]) makeDirectories(directory, 0o700);
  for (const directory of [layout.layers, layout.tmp]) makeDirectories(directory, 0o755);
}

/**
 * Runs `act` while no other process looks at or changes the records. It must be short: unpacking happens outside, under
 * a lease. Fails with ROOT_IN_USE when the lock is not had in time.
 */
export async function exclusively<T>(store: LayerStore, act: () => T | Promise<T>, signal?: AbortSignal): Promise<T> {
  using _lock = await acquireLock(store.layout.lock, "exclusive", { signal, createMode: 0o600 });
  return await act();
}

/** The record of a layer and those of all layers below it, lowest first; null where one is missing. */
export function readChain(store: LayerStore, chainID: Digest): LayerRecord[] | null {
  const chain: LayerRecord[] = [];
  for (let next: Digest | null = chainID; next !== null; ) {
    const record = readLayerRecord(store.layout, next);
    if (record === null) return null;
    chain.unshift(record);
    next = record.parent;
  }
  return chain;
}
