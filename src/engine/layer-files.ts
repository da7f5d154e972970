import { throwIfCancelled } from "../core/cancellation.ts";
import type { Layer } from "../core/image.ts";
import type { TarEntry } from "../tar/entry.ts";
import { type TarHandler, tarReader } from "../tar/reader.ts";
import type { ReadOptions } from "./engine.ts";
import { verifiedTar } from "./layer-stream.ts";

/** A part of a file's content. A file has one part at least, and all its parts come one after the other. */
export interface FilePiece {
  /** The file's stored name as a key. */
  readonly name: string;
  /** Valid until the next piece is asked for. */
  readonly bytes: Buffer;
  readonly isLast: boolean;
}

const ZEROS = Buffer.alloc(64 * 1024);
const NO_BYTES = Buffer.alloc(0);

/**
 * The contents of the entries with these numbers (see `layerEntries`), in the order of the tar, holes of sparse files
 * as zeros. The layer is read until the last of them, and verified if that is its end: DIGEST_MISMATCH.
 */
export async function* layerFiles(
  layer: Layer,
  wanted: ReadonlySet<string>,
  { signal }: ReadOptions,
): AsyncGenerator<FilePiece> {
  if (wanted.size === 0) return;
  const contents = new Contents(wanted);
  const reader = tarReader(contents);
  for await (const chunk of verifiedTar(layer, {})) {
    throwIfCancelled(signal);
    reader.write(chunk);
    for (const piece of contents.take()) {
      throwIfCancelled(signal);
      yield piece;
    }
    if (contents.left === 0) return;
  }
  reader.end();
}

/** Whether the bytes of a piece are a hole's. */
export function isHole({ bytes }: FilePiece): boolean {
  return bytes.buffer === ZEROS.buffer;
}

/** A hole is counted, and its bytes are made when they are taken, for it may be huge. */
interface Part {
  readonly name: string;
  readonly hole: number;
  readonly bytes: Buffer;
  readonly isLast: boolean;
}

class Contents implements TarHandler {
  left: number;
  readonly #wanted: ReadonlySet<string>;
  #number = -1;
  #name: string | null = null;
  #size = 0;
  #end = 0;
  #parts: Part[] = [];

  constructor(wanted: ReadonlySet<string>) {
    this.#wanted = wanted;
    this.left = wanted.size;
  }

  raw(): void {}

  entry({ size }: TarEntry): void {
    const name = String(++this.#number);
    this.#name = this.#wanted.has(name) ? name : null;
    this.#size = size;
    this.#end = 0;
  }

  payload(bytes: Buffer, position: number): void {
    if (this.#name === null) return;
    this.#parts.push({ name: this.#name, hole: position - this.#end, bytes, isLast: false });
    this.#end = position + bytes.length;
  }

  endEntry(): void {
    if (this.#name === null) return;
    this.#parts.push({ name: this.#name, hole: this.#size - this.#end, bytes: NO_BYTES, isLast: true });
    this.left--;
  }

  /** Parts point into the chunk that was written last, so they are taken before the next one. */
  *take(): Generator<FilePiece> {
    for (const { name, hole, bytes, isLast } of this.#parts) {
      for (let rest = hole; rest > 0; rest -= ZEROS.length) {
        yield { name, bytes: ZEROS.subarray(0, Math.min(rest, ZEROS.length)), isLast: false };
      }
      if (bytes.length > 0 || isLast) yield { name, bytes, isLast };
    }
    this.#parts = [];
  }
}
