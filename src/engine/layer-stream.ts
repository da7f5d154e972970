import { decompress } from "../compression/decompress.ts";
import { throwIfCancelled } from "../core/cancellation.ts";
import { LayerfsError } from "../core/errors.ts";
import type { Layer } from "../core/image.ts";
import { verified } from "../core/verified.ts";
import type { TarEntry } from "../tar/entry.ts";
import { type TarHandler, tarReader } from "../tar/reader.ts";
import { classifyEntry, cleanPath, pathKey } from "../union/entry-path.ts";
import { cutRange, type WholeRange } from "../view/content-range.ts";
import type { LayerEntry } from "../view/merged-tree.ts";
import type { CallOptions } from "./engine.ts";
import { type PassedEntry, passTar, type Wants } from "./layer-pass.ts";

/*
 * A layer of a source has no store that knows its files by their names. Its entries are told apart by their number in
 * the tar instead, which is right also where two entries have one name: as the stored name of an entry serves the
 * number in decimal.
 */

/** As many as a layer may have that is unpacked. */
const MAX_ENTRIES = 4_000_000;

/**
 * The entries of a layer, for the merged tree. The layer's bytes are verified when all are read: DIGEST_MISMATCH.
 * Further codes: INVALID_COMPRESSION, INVALID_TAR, LIMIT_EXCEEDED, CANCELLED.
 */
export async function* layerEntries(layer: Layer, options: CallOptions): AsyncGenerator<LayerEntry> {
  const read: LayerEntry[] = [];
  const stored = storedNames();
  const reader = tarReader({ ...IGNORE, entry: (entry) => read.push({ entry, storedName: stored(entry) }) });
  for await (const chunk of verifiedTar(layer, options)) {
    throwIfCancelled(options.signal);
    reader.write(chunk);
    yield* read.splice(0);
  }
  reader.end();
}

/** The bytes of the file with this stored name, holes of a sparse file as zeros. */
export async function* layerContent(
  layer: Layer,
  storedName: Buffer,
  range: WholeRange,
  { signal }: CallOptions,
): AsyncGenerator<Buffer> {
  const wanted = (_: TarEntry, name: Buffer): boolean => name.equals(storedName);
  for await (const { content } of passTar(buffers(layer.openTar()), storedNames(), wanted, signal)) {
    if (content === null) continue;
    yield* cutRange(content, range);
    return;
  }
}

/** Reads a layer once, with the bytes of the files that are wanted; verified when all is read, as `layerEntries`. */
export function layerPass(layer: Layer, wants: Wants, options: CallOptions): AsyncGenerator<PassedEntry> {
  return passTar(verifiedTar(layer, options), storedNames(), wants, options.signal);
}

async function* buffers(source: AsyncIterable<Uint8Array>): AsyncGenerator<Buffer> {
  for await (const chunk of source) yield Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength);
}

const IGNORE: TarHandler = { raw: () => {}, entry: () => {}, payload: () => {}, endEntry: () => {} };

/**
 * Numbers the entries. A hard link to one of aufs's reserved names, which the tree does not show, gets the number of
 * the file there, for that is where its bytes are.
 */
export function storedNames(): (entry: TarEntry) => Buffer {
  const reserved = new Map<string, number>();
  let next = 0;
  return (entry) => {
    const number = next++;
    if (number >= MAX_ENTRIES) {
      throw new LayerfsError("LIMIT_EXCEEDED", `the layer has more than ${MAX_ENTRIES} entries`);
    }
    if (entry.kind === "file" && classifyEntry(entry.name).kind === "reserved") {
      reserved.set(pathKey(cleanPath(entry.name)), number);
    }
    const target = entry.kind === "hardlink" ? reserved.get(pathKey(cleanPath(entry.linkname))) : undefined;
    return Buffer.from(String(target ?? number));
  };
}

/** The layer's tar; it ends with DIGEST_MISMATCH if the bytes, packed or not, are not the promised ones. */
export async function* verifiedTar(layer: Layer, { onProgress }: CallOptions): AsyncGenerator<Buffer> {
  const { diffID, blobDigest } = layer;
  onProgress?.({ type: "layer-start", layer: diffID, total: layer.extent?.length ?? layer.descriptor?.size ?? 0 });
  const bytes = counted(layer.open(), (count) => onProgress?.({ type: "layer-progress", layer: diffID, bytes: count }));
  const stored = blobDigest === undefined ? bytes : verified(bytes, { digest: blobDigest }, "layer blob");
  yield* verified(decompress(stored), { digest: diffID }, "layer");
  onProgress?.({ type: "layer-done", layer: diffID, warnings: [] });
}

async function* counted<T extends Uint8Array>(
  source: AsyncIterable<T>,
  count: (bytes: number) => void,
): AsyncGenerator<T> {
  for await (const chunk of source) {
    count(chunk.length);
    yield chunk;
  }
}
