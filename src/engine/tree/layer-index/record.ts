import { type Digest, digestHex } from "../../../core/digest.ts";
import type { Layer } from "../../../core/image.ts";
import type { IndexCache } from "./cache.ts";
import { decodeEntries, type EncodedEntries, entryEncoder, type IndexedEntry } from "./entry-codec.ts";
import { type PointCollector, pointCollector } from "./restart-points.ts";

/** Takes what a pass over a layer comes to; `finish` keeps it in the cache, and is called only when all was verified. */
export interface LayerRecorder {
  entry(entry: IndexedEntry): void;
  /** Where points to restart from are wanted; used for gzip only. */
  readonly points: PointCollector | null;
  /** The entries; null where there are too many to keep them. */
  finish(): EncodedEntries | null;
}

/** A layer with more than this of entries is not kept: it would be read slower than it is worth. */
const MAX_ENTRY_BYTES = 64 << 20;

/** The entries of a layer, from an earlier pass; null without one. */
export function recordedEntries(cache: IndexCache, diffID: Digest): EncodedEntries | null {
  const record = cache.read("layers", digestHex(diffID));
  return record === null ? null : decodeEntries(record);
}

/** The points to restart from in a layer's stored bytes, as `pointBefore` reads them; null without any. */
export function recordedPoints(cache: IndexCache, { blobDigest }: Layer): Buffer | null {
  return blobDigest === undefined ? null : cache.read("points", digestHex(blobDigest));
}

/** `isGzip`: the layer is stored so, and may be inflated from its middle here. */
export function layerRecorder(cache: IndexCache | null, { diffID, blobDigest }: Layer, isGzip: boolean): LayerRecorder {
  const entries = entryEncoder();
  const points = cache !== null && isGzip && blobDigest !== undefined ? pointCollector() : null;
  let isKept = true;
  return {
    entry: (entry) => {
      if (isKept) entries.add(entry);
      isKept &&= entries.length <= MAX_ENTRY_BYTES;
    },
    points,
    finish: () => {
      if (!isKept) return null;
      const bytes = entries.finish();
      cache?.write("layers", digestHex(diffID), [bytes]);
      if (points !== null && blobDigest !== undefined) {
        cache?.write("points", digestHex(blobDigest), [points.finish()]);
      }
      return decodeEntries(bytes);
    },
  };
}
