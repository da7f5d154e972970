import { decompress } from "../../compression/decompress.ts";
import { type Digest, digestAlgorithm, digestHex } from "../../core/digest.ts";
import { LayerfsError, withObject } from "../../core/errors.ts";
import type { Layer } from "../../core/image.ts";
import { mismatch, verified } from "../../core/verified.ts";
import { threadedSha256 } from "../../sys/threaded-hash.ts";
import type { TarEntry } from "../../tar/entry.ts";
import { classifyEntry, cleanPath, pathKey } from "../../union/entry-path.ts";
import { cutRange, type WholeRange } from "../../view/content-range.ts";
import type { LayerEntries, LayerEntry } from "../../view/merged-tree.ts";
import type { CallOptions } from "../engine.ts";
import { copiedChunks } from "./copied-chunks.ts";
import type { IndexCache } from "./layer-index/cache.ts";
import { indexedContent, keepFile, keptFile, MAX_KEPT_FILE } from "./layer-index/content.ts";
import { canRestart, inflateAll } from "./layer-index/inflate.ts";
import { type LayerRecorder, layerRecorder, recordedEntries, recordedPoints } from "./layer-index/record.ts";
import { storedCompression, streamStored } from "./layer-index/stored-bytes.ts";
import { indexTar, type PassedEntry, passTar, type Wants } from "./layer-pass.ts";

/*
 * A layer of a source has no store that knows its files by their names. Its entries are told apart by their number in
 * the tar instead, which is right also where two entries have one name: as the stored name of an entry serves the
 * number in decimal.
 */

export interface LayerReadOptions extends CallOptions {
  /** Where what a pass has found is kept for the next one. Default: nowhere. */
  readonly cache?: IndexCache | null | undefined;
}

/** What every name that aufs reserves holds. */
const RESERVED = Buffer.from(".wh..wh.");
/** As many as a layer may have that is unpacked. */
const MAX_ENTRIES = 4_000_000;

/**
 * The entries of a layer, for the merged tree: from an earlier pass over a layer of the same diffID, else read, and
 * verified when all is read: DIGEST_MISMATCH. Further codes: INVALID_COMPRESSION, INVALID_TAR, LIMIT_EXCEEDED, CANCELLED.
 */
export function layerEntries(layer: Layer, options: LayerReadOptions): LayerEntries {
  const known = options.cache ? recordedEntries(options.cache, layer.diffID) : null;
  return known === null ? layerPass(layer, () => false, options) : named(known.all());
}

/**
 * As `layerEntries`, but the layer is read at once, so that others can be read meanwhile. Its entries wait in a compact
 * form; a layer with too many for that is read again when they are asked for.
 */
export async function readEntries(layer: Layer, options: LayerReadOptions): Promise<LayerEntries> {
  const { cache = null, signal } = options;
  const known = cache === null ? null : recordedEntries(cache, layer.diffID);
  if (known !== null) return named(known.all());
  const recorder = layerRecorder(cache, layer, canRestartIn(layer));
  try {
    await indexTar(verifiedTar(layer, recorder, options), signal, recorder);
  } catch (error) {
    throw withObject(error, `layer ${layer.diffID}`);
  }
  const found = recorder.finish();
  return found === null ? layerEntries(layer, options) : named(found.all());
}

/** The bytes of the file with this stored name, holes of a sparse file as zeros. */
export async function* layerContent(
  layer: Layer,
  storedName: Buffer,
  range: WholeRange,
  options: LayerReadOptions,
): AsyncGenerator<Buffer> {
  const { cache = null } = options;
  const known = cache === null ? null : recordedEntries(cache, layer.diffID);
  if (cache !== null && known !== null) {
    const direct = indexedContent(layer, known.at(Number(storedName)), range, cache);
    if (direct !== null) return yield* direct;
    const kept = keptFile(layer, storedName, cache);
    if (kept !== null) return yield* cutRange([kept], range);
  }
  const wants: Wants = (_, name) => name.equals(storedName);
  if (cache === null) {
    for await (const { content } of layerPass(layer, wants, options)) {
      if (content !== null) return yield* copiedChunks(cutRange(content, range));
    }
    return;
  }
  // The layer is read to its end, so that what is kept of it is verified.
  const kept: Buffer[] = [];
  for await (const { entry, content } of layerPass(layer, wants, options)) {
    if (content === null) continue;
    const chunks = copiedChunks(content);
    for await (const chunk of cutRange(entry.size <= MAX_KEPT_FILE ? collecting(chunks, kept) : chunks, range))
      yield chunk;
  }
  const isRestartable = canRestartIn(layer) && recordedPoints(cache, layer) !== null;
  if (kept.length > 0 && !isRestartable) keepFile(layer, storedName, kept, cache);
}

/** Reads a layer once, with the bytes of the files that are wanted; verified when all is read, as `layerEntries`. */
export async function* layerPass(layer: Layer, wants: Wants, options: LayerReadOptions): AsyncGenerator<PassedEntry> {
  const recorder = options.cache ? recorderFor(layer, options.cache) : null;
  const tar = verifiedTar(layer, recorder, options);
  try {
    yield* passTar(tar, storedNames(), wants, options.signal, recorder ?? undefined);
  } catch (error) {
    throw withObject(error, `layer ${layer.diffID}`);
  }
  recorder?.finish();
}

/** What is known already is not made again. */
function recorderFor(layer: Layer, cache: IndexCache): LayerRecorder | null {
  const isGzip = canRestartIn(layer);
  const isKnown = recordedEntries(cache, layer.diffID) !== null && (!isGzip || recordedPoints(cache, layer) !== null);
  return isKnown ? null : layerRecorder(cache, layer, isGzip);
}

function canRestartIn(layer: Layer): boolean {
  return storedCompression(layer) === "gzip" && canRestart();
}

function* named(entries: Iterable<TarEntry>): Generator<LayerEntry> {
  const nameEntry = storedNames();
  for (const entry of entries) yield { entry, storedName: nameEntry(entry) };
}

async function* collecting(content: AsyncIterable<Buffer>, kept: Buffer[]): AsyncGenerator<Buffer> {
  for await (const chunk of content) {
    kept.push(chunk);
    yield chunk;
  }
}

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
    if (entry.kind === "file" && entry.name.includes(RESERVED) && classifyEntry(entry.name).kind === "reserved") {
      reserved.set(pathKey(cleanPath(entry.name)), number);
    }
    const target =
      reserved.size > 0 && entry.kind === "hardlink" ? reserved.get(pathKey(cleanPath(entry.linkname))) : undefined;
    return Buffer.from(String(target ?? number));
  };
}

/**
 * The layer's tar; it ends with DIGEST_MISMATCH if the bytes, packed or not, are not the promised ones. A chunk is valid
 * until the next one is asked for.
 */
export async function* verifiedTar(
  layer: Layer,
  recorder: LayerRecorder | null,
  { onProgress }: CallOptions,
): AsyncGenerator<Buffer> {
  const { diffID, blobDigest } = layer;
  onProgress?.({ type: "layer-start", layer: diffID, total: layer.extent?.length ?? layer.descriptor?.size ?? 0 });
  const isGzip = canRestartIn(layer);
  // node:zlib may still hold a chunk when it asks for the next one, and makes a new one of all that it gives.
  const isReusable = isGzip || storedCompression(layer) === "none";
  const bytes = counted(isReusable ? streamStored(layer) : layer.open(), (count) =>
    onProgress?.({ type: "layer-progress", layer: diffID, bytes: count }),
  );
  // Of a layer that is not packed one digest is enough.
  const stored =
    blobDigest === undefined || blobDigest === diffID ? bytes : verifiedByPool(bytes, blobDigest, "layer blob");
  const tar = isGzip ? inflateAll(stored, recorder?.points ?? null) : decompress(stored);
  yield* verifiedByPool(tar, diffID, "layer");
  onProgress?.({ type: "layer-done", layer: diffID, warnings: [] });
}

/** As `verified`, but a chunk is hashed on another thread while it is looked at, if it is by SHA-256. */
async function* verifiedByPool(source: AsyncIterable<Buffer>, digest: Digest, object: string): AsyncGenerator<Buffer> {
  if (digestAlgorithm(digest) !== "sha256") return yield* verified(source, { digest }, object);
  using hash = threadedSha256();
  for await (const chunk of source) {
    const hashed = hash.update(chunk);
    try {
      yield chunk;
    } finally {
      await hashed;
    }
  }
  const found = hash.hex();
  if (found !== digestHex(digest)) throw mismatch(object, digest, `its bytes have the digest sha256:${found}`);
}

async function* counted(source: AsyncIterable<Uint8Array>, count: (bytes: number) => void): AsyncGenerator<Buffer> {
  for await (const chunk of source) {
    count(chunk.length);
    yield Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength);
  }
}
