import { decompress } from "../compression/decompress.ts";
import { throwIfCancelled } from "../core/cancellation.ts";
import { LayerfsError } from "../core/errors.ts";
import type { Layer } from "../core/image.ts";
import { verified } from "../core/verified.ts";
import type { TarEntry } from "../tar/entry.ts";
import { type TarHandler, tarReader } from "../tar/reader.ts";
import { classifyEntry, cleanPath, pathKey } from "../union/entry-path.ts";
import type { LayerEntry } from "../view/merged-tree.ts";
import type { ReadOptions } from "./engine.ts";

/*
 * A layer of a source has no store that knows its files by their names. Its entries are told apart by their number in
 * the tar instead, which is right also where two entries have one name: as the stored name of an entry serves the
 * number in decimal.
 */

/** As many as a layer may have that is unpacked. */
const MAX_ENTRIES = 4_000_000;
const ZEROS = Buffer.alloc(64 * 1024);

/**
 * The entries of a layer, for the merged tree. The layer's bytes are verified when all are read: DIGEST_MISMATCH.
 * Further codes: INVALID_COMPRESSION, INVALID_TAR, LIMIT_EXCEEDED, CANCELLED.
 */
export async function* layerEntries(layer: Layer, { signal }: ReadOptions): AsyncGenerator<LayerEntry> {
  const read: LayerEntry[] = [];
  const stored = storedNames();
  const reader = tarReader({ ...IGNORE, entry: (entry) => read.push({ entry, storedName: stored(entry) }) });
  for await (const chunk of verifiedTar(layer)) {
    throwIfCancelled(signal);
    reader.write(chunk);
    yield* read.splice(0);
  }
  reader.end();
}

/** The content of the file with this stored name, holes of a sparse file as zeros. */
export async function* layerContent(layer: Layer, storedName: Buffer, { signal }: ReadOptions): AsyncGenerator<Buffer> {
  const content = new ContentOf(Number(storedName.toString()));
  const reader = tarReader(content);
  for await (const chunk of layer.openTar()) {
    throwIfCancelled(signal);
    reader.write(Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength));
    yield* content.take();
    if (content.isDone) return;
  }
}

/** Collects the content of one entry; the bytes of a hole are counted and made when they are taken, for it may be huge. */
class ContentOf implements TarHandler {
  isDone = false;
  readonly #wanted: number;
  #number = -1;
  #size = 0;
  #end = 0;
  #pieces: { readonly hole: number; readonly bytes: Buffer }[] = [];

  constructor(wanted: number) {
    this.#wanted = wanted;
  }

  raw(): void {}

  entry({ size }: TarEntry): void {
    this.#number++;
    this.#size = size;
  }

  payload(bytes: Buffer, position: number): void {
    if (this.#number !== this.#wanted) return;
    this.#pieces.push({ hole: position - this.#end, bytes: Buffer.from(bytes) });
    this.#end = position + bytes.length;
  }

  endEntry(): void {
    if (this.#number !== this.#wanted) return;
    this.#pieces.push({ hole: this.#size - this.#end, bytes: Buffer.alloc(0) });
    this.isDone = true;
  }

  *take(): Generator<Buffer> {
    for (const { hole, bytes } of this.#pieces) {
      for (let left = hole; left > 0; left -= ZEROS.length) yield ZEROS.subarray(0, Math.min(left, ZEROS.length));
      if (bytes.length > 0) yield bytes;
    }
    this.#pieces = [];
  }
}

const IGNORE: TarHandler = { raw: () => {}, entry: () => {}, payload: () => {}, endEntry: () => {} };

/**
 * Numbers the entries. A hard link to one of aufs's reserved names, which the tree does not show, gets the number of
 * the file there, for that is where its bytes are.
 */
function storedNames(): (entry: TarEntry) => Buffer {
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
export function verifiedTar(layer: Layer): AsyncGenerator<Buffer> {
  const stored =
    layer.blobDigest === undefined ? layer.open() : verified(layer.open(), { digest: layer.blobDigest }, "layer blob");
  return verified(decompress(stored), { digest: layer.diffID }, "layer");
}
