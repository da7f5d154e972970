import { isRunning, listContainers } from "../container/container.ts";
import type { Digest } from "../core/digest.ts";
import { isLayerfsError } from "../core/errors.ts";
import { listImageIDs } from "../image/image-db.ts";
import type { LayerLayout } from "../layer/layout.ts";
import { listChainIDs, readLayerRecord } from "../layer/records.ts";
import type { Stores } from "./stores.ts";

export interface StoreInfo {
  readonly root: string;
  readonly driver: string;
  /** Why this driver was chosen, one sentence each. */
  readonly choice: readonly string[];
  /** In Docker's words. */
  readonly status: readonly (readonly [string, string])[];
  /** Nameless and intermediate ones too. */
  readonly images: number;
  readonly layers: number;
  /** What they use is not removed. */
  readonly containers: { readonly running: number; readonly stopped: number };
  readonly mounts: number;
  /** Bytes of content of all layers. */
  readonly layersSize: number;
  readonly readOnly: boolean;
}

export function storeInfo(stores: Stores, readOnly: boolean): StoreInfo {
  const { layout, driver } = stores.layers;
  const chainIDs = listChainIDs(layout);
  const containers = listContainers(stores);
  const running = containers.filter(isRunning).length;
  return {
    root: stores.root,
    driver: driver.name,
    choice: stores.choice,
    status: driver.status(),
    images: listImageIDs(stores.images).length,
    layers: chainIDs.length,
    containers: { running, stopped: containers.length - running },
    mounts: stores.holders.list().length,
    layersSize: chainIDs.reduce((sum, chainID) => sum + sizeOf(layout, chainID), 0),
    readOnly,
  };
}

/** What a damaged record says is worth nothing. */
function sizeOf(layout: LayerLayout, chainID: Digest): number {
  try {
    return readLayerRecord(layout, chainID)?.size ?? 0;
  } catch (error) {
    if (isLayerfsError(error, "CORRUPT_STORE")) return 0;
    throw error;
  }
}
