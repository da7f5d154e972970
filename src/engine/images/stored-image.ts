import { chainIDs } from "../../core/chain-id.ts";
import type { ImageConfig } from "../../core/config.ts";
import type { Digest } from "../../core/digest.ts";
import { LayerfsError } from "../../core/errors.ts";
import { readImageConfig } from "../../image/image-db.ts";
import { resolveImage } from "../../image/resolve.ts";
import { layerDirectory } from "../../layer/layout.ts";
import { type LayerRecord, readLayerRecord } from "../../layer/records.ts";
import type { Stores } from "../stores.ts";

const TRIES = 3;

/** A stored image with its layers' records, lowest first. */
export interface StoredImage {
  readonly id: Digest;
  readonly config: ImageConfig;
  readonly layers: readonly LayerRecord[];
}

/**
 * Fails with NOT_FOUND, AMBIGUOUS, or CORRUPT_STORE where a layer is missing. It needs no lock: without one, layers are
 * also missing of an image that is just being removed, and then its config is gone too.
 */
export function openStoredImage(stores: Stores, text: string): StoredImage {
  for (let tries = 1; ; tries++) {
    const { id } = resolveImage(stores.images, text);
    const config = readImageConfig(stores.images, id);
    if (config === null) throw new LayerfsError("NOT_FOUND", `No such image: ${text}`);
    const chain = chainIDs(config.rootfs.diffIDs);
    const layers = chain.flatMap((chainID) => readLayerRecord(stores.layers.layout, chainID) ?? []);
    if (layers.length === chain.length) return { id, config, layers };
    if (tries < TRIES) continue;
    const there = new Set(layers.map(({ chainID }) => chainID));
    const missing = chain
      .filter((chainID) => !there.has(chainID))
      .map((chainID) => layerDirectory(stores.layers.layout, chainID));
    throw new LayerfsError("CORRUPT_STORE", `image ${id}: ${missing.join(", ")} is missing`, {
      hint: "load the image again",
    });
  }
}

/**
 * Reads something of an image without a lock. Where that fails since the image was removed meanwhile, it is looked up
 * again: then it is NOT_FOUND, or has been loaded anew and is read anew.
 */
export async function whileThere<T>(
  stores: Stores,
  text: string,
  read: (image: StoredImage) => T | Promise<T>,
): Promise<T> {
  for (let tries = 1; ; tries++) {
    const image = openStoredImage(stores, text);
    try {
      return await read(image);
    } catch (error) {
      if (tries === TRIES || isThere(stores, image)) throw error;
    }
  }
}

/** Whether the image's layers are the ones that they were. A layer's record goes before its files do. */
export function isThere(stores: Stores, { layers }: StoredImage): boolean {
  return layers.every(({ chainID, cacheID }) => readLayerRecord(stores.layers.layout, chainID)?.cacheID === cacheID);
}
