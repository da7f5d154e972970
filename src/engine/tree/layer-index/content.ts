import { crc32 } from "node:zlib";
import { digestHex } from "../../../core/digest.ts";
import { LayerfsError, printable } from "../../../core/errors.ts";
import type { Layer } from "../../../core/image.ts";
import type { DataRun } from "../../../tar/entry.ts";
import { cutRange, type WholeRange } from "../../../view/content-range.ts";
import { copiedChunks } from "../copied-chunks.ts";
import { zeros } from "../zeros.ts";
import type { IndexCache } from "./cache.ts";
import type { IndexedEntry } from "./entry-codec.ts";
import { canRestart, inflateFrom } from "./inflate.ts";
import { recordedPoints } from "./record.ts";
import { pointBefore } from "./restart-points.ts";
import { buffers, storedCompression, storedFrom } from "./stored-bytes.ts";

/** Larger files are not kept where a layer cannot be read from its middle. */
export const MAX_KEPT_FILE: number = 16 << 20;

/**
 * A file's bytes without reading the layer from its start; null where that is not possible. What is read whole is
 * checked against the CRC-32 of the pass that verified the layer: DIGEST_MISMATCH.
 */
export function indexedContent(
  layer: Layer,
  indexed: IndexedEntry,
  range: WholeRange,
  cache: IndexCache,
): AsyncIterable<Buffer> | null {
  const { entry } = indexed;
  const isWhole = range.start === 0 && range.end === entry.size - 1;
  // With holes, the place of a byte in the payload is not its place in the file.
  const wanted = entry.sparse === null ? range : { start: 0, end: entry.payloadSize - 1 };
  const payload = payloadFrom(layer, indexed.payloadOffset + wanted.start, wanted.end - wanted.start + 1, cache);
  if (payload === null) return null;
  const checked = isWhole || entry.sparse !== null ? check(layer, indexed, payload) : payload;
  return entry.sparse === null ? checked : cutRange(withHoles(checked, entry.sparse, entry.size), range);
}

/** A file that was kept by `keepFile`, else null. */
export function keptFile(layer: Layer, storedName: Buffer, cache: IndexCache): Buffer | null {
  return cache.read("files", fileKey(layer, storedName));
}

/** Keeps a file of a layer that cannot be read from its middle. The layer must have been verified. */
export function keepFile(layer: Layer, storedName: Buffer, content: readonly Buffer[], cache: IndexCache): void {
  cache.write("files", fileKey(layer, storedName), content);
}

function fileKey({ diffID }: Layer, storedName: Buffer): string {
  return `${digestHex(diffID)}-${storedName}`;
}

function payloadFrom(layer: Layer, offset: number, length: number, cache: IndexCache): AsyncIterable<Buffer> | null {
  const compression = storedCompression(layer);
  if (compression === "none") {
    const stored = storedFrom(layer, offset, length);
    return stored === null ? null : buffers(stored);
  }
  const points = compression === "gzip" && canRestart() ? recordedPoints(cache, layer) : null;
  if (points === null) return null;
  const point = pointBefore(points, offset) ?? { at: 0, out: 0, block: null };
  const stored = storedFrom(layer, point.at);
  if (stored === null) return null;
  const skipped = offset - point.out;
  return copiedChunks(cutRange(inflateFrom(buffers(stored), point), { start: skipped, end: skipped + length - 1 }));
}

async function* check(layer: Layer, { entry, checksum }: IndexedEntry, payload: AsyncIterable<Buffer>) {
  let found = 0;
  let size = 0;
  for await (const chunk of payload) {
    found = crc32(chunk, found);
    size += chunk.length;
    yield chunk;
  }
  if (size === entry.payloadSize && found === checksum) return;
  throw new LayerfsError(
    "DIGEST_MISMATCH",
    `layer ${layer.diffID}: ${printable(entry.name)} has not the bytes that it had when the layer was verified`,
    { hint: "the image was changed or damaged since; make or fetch it again" },
  );
}

async function* withHoles(payload: AsyncIterable<Buffer>, runs: readonly DataRun[], size: number) {
  let [run, position, inRun] = [0, 0, 0];
  for await (const chunk of payload) {
    for (let at = 0; at < chunk.length; ) {
      const { offset, length } = runs[run]!;
      yield* zeros(offset + inRun - position);
      const part = chunk.subarray(at, at + length - inRun);
      yield part;
      at += part.length;
      inRun += part.length;
      position = offset + inRun;
      if (inRun < length) continue;
      run++;
      inRun = 0;
    }
  }
  yield* zeros(size - position);
}
