import { randomBytes } from "node:crypto";
import { existsSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { throwIfCancelled } from "../core/cancellation.ts";
import type { Digest } from "../core/digest.ts";
import { layerDirectory } from "./layout.ts";
import { createLease, type Lease, readLeases } from "./lease.ts";
import { exclusively, type LayerStore } from "./store.ts";
import { notWhole } from "./whole.ts";

export interface Claim {
  readonly lease: Lease;
  /** The claimed layers that are not there yet, or are damaged, lowest first, each with the driver id that it shall get. */
  readonly missing: readonly { readonly chainID: Digest; readonly cacheID: string }[];
}

export interface ClaimOptions {
  readonly reason: string;
  /** Run under the lock before the layers are looked at: cleaning up after processes that have ended. */
  readonly before: () => Promise<void>;
  readonly signal?: AbortSignal | undefined;
}

const WAIT_MS = 50;

/**
 * Makes sure that `chainIDs` (lowest first) stay, and that this process alone makes those that are missing or damaged. Where
 * another live process is making one of them, waits until it is done with it: either the layer is there then, or this
 * process makes it. Nothing is held while waiting, so two processes never wait for each other.
 */
export async function claimLayers(
  store: LayerStore,
  chainIDs: readonly Digest[],
  { reason, before, signal }: ClaimOptions,
): Promise<Claim> {
  for (;;) {
    const claim = await exclusively(
      store,
      async () => {
        await before();
        if (hasDamage(store, chainIDs)) await store.driver.repair();
        return tryClaim(store, chainIDs, reason);
      },
      signal,
    );
    if (claim !== null) return claim;
    throwIfCancelled(signal);
    await sleep(WAIT_MS);
  }
}

function hasDamage(store: LayerStore, chainIDs: readonly Digest[]): boolean {
  return notWhole(store, chainIDs).some((chainID) => existsSync(layerDirectory(store.layout, chainID)));
}

function tryClaim(store: LayerStore, chainIDs: readonly Digest[], reason: string): Claim | null {
  const missing = notWhole(store, chainIDs);
  const others = new Set(readLeases(store.layout).live.flatMap((lease) => lease.making));
  if (missing.some((chainID) => others.has(chainID))) return null;
  const made = missing.map((chainID) => ({ chainID, cacheID: randomBytes(32).toString("hex") }));
  const lease = createLease(store.layout, {
    reason,
    chainIDs,
    making: missing,
    cacheIDs: made.map(({ cacheID }) => cacheID),
  });
  return { lease, missing: made };
}
