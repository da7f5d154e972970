import { statSync } from "node:fs";
import type { Digest } from "../core/digest.ts";
import { isLayerfsError, LayerfsError } from "../core/errors.ts";
import type { LayerPlace } from "../driver/driver.ts";
import { type LayerRecord, readLayerRecord } from "./records.ts";
import type { LayerStore } from "./store.ts";

/** Where a recorded layer's files lie. Fails with CORRUPT_STORE where the driver does not have them. */
export function placeOf({ driver }: LayerStore, { chainID, cacheID }: LayerRecord): LayerPlace {
  try {
    return driver.place(cacheID);
  } catch (error) {
    if (!isLayerfsError(error, "NOT_FOUND") && !isLayerfsError(error, "CORRUPT_STORE")) throw error;
    throw new LayerfsError("CORRUPT_STORE", `the files of layer ${chainID} are missing: ${error.message}`, {
      hint: "load the image again",
      cause: error,
    });
  }
}

/**
 * Which of the layers (lowest first) are not there with their record, their files and all that they stand on. Contents
 * are not read.
 */
export function notWhole(store: LayerStore, chainIDs: readonly Digest[]): Digest[] {
  const seen = new Map<string, boolean>();
  const isThere = (path: string): boolean => {
    const known = seen.get(path) ?? statSync(path, { throwIfNoEntry: false }) !== undefined;
    seen.set(path, known);
    return known;
  };
  return chainIDs.filter((chainID) => {
    try {
      const record = readLayerRecord(store.layout, chainID);
      if (record === null || !isThere(record.tarSplit)) return true;
      const { directory, lowers } = placeOf(store, record);
      return ![directory, ...lowers].every(isThere);
    } catch (error) {
      if (isLayerfsError(error, "CORRUPT_STORE")) return true;
      throw error;
    }
  });
}
