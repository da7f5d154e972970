import { isUtf8 } from "node:buffer";
import { LayerfsError, printable } from "../core/errors.ts";
import { crc64, crc64Bytes } from "./crc64.ts";
import type { TarEntry } from "./entry.ts";
import { tarReader } from "./reader.ts";
import { type FileRecord, parseRecords } from "./tar-split-records.ts";

/** Most raw bytes in one record: a segment that is longer is recorded in pieces. */
export const SEGMENT_LIMIT: number = 1 << 20;

/**
 * Where the bytes of an entry's payload are when the archive is put together again: in the unpacked file, in the records
 * themselves, or nowhere as there are none. A file of which not exactly the payload is unpacked (a sparse one, one of an
 * unknown type) must be "inline".
 */
export type PayloadPlace = "file" | "inline" | "none";

/** Takes the events of a tar reader in their order and makes tar-split records of them. */
export interface SplitRecorder {
  raw(bytes: Uint8Array): void;
  /** `name` is recorded as it is. A "file" without a byte of payload is recorded like "none". */
  entry(name: Buffer, payload: PayloadPlace): void;
  payload(bytes: Uint8Array): void;
  endEntry(): void;
  /** Begins a new record for what follows the end marker, as Docker does. May be left out. */
  endMarker(): void;
  /** No more events will come. */
  end(): void;
  /** The JSON lines recorded since the last call; a caller who takes them now and then keeps memory bounded. */
  drain(): Buffer;
}

/**
 * Records an archive in vbatts/tar-split's format, as Docker keeps it in tar-split.json.gz: JSON lines, type 2 with raw
 * bytes in base64, type 1 for an entry with its name (`name_raw` where it is not UTF-8), size and the CRC-64 of its
 * content; `position` counts all lines. As in Docker 20.10, an archive that ends with its end marker gets an empty
 * segment as its last record; later ones leave it out, and no reader minds.
 */
export function splitRecorder(): SplitRecorder {
  return new Recorder();
}

class Recorder implements SplitRecorder {
  #lines: string[] = [];
  #position = 0;
  #segment = Buffer.allocUnsafe(64 << 10);
  #segmentFill = 0;
  #name: Buffer | null = null;
  #place: PayloadPlace = "none";
  #size = 0;
  #crc = 0n;
  /** Whether the last record written ended at the end marker. */
  #marked = false;

  raw(bytes: Uint8Array): void {
    for (let at = 0; at < bytes.length; ) {
      if (this.#segmentFill === SEGMENT_LIMIT) this.#flushSegment();
      const part = bytes.subarray(at, at + SEGMENT_LIMIT - this.#segmentFill);
      this.#reserve(part.length);
      this.#segment.set(part, this.#segmentFill);
      this.#segmentFill += part.length;
      at += part.length;
    }
  }

  entry(name: Buffer, payload: PayloadPlace): void {
    if (this.#segmentFill > 0) this.#flushSegment();
    this.#place = payload;
    this.#size = 0;
    this.#crc = 0n;
    if (payload === "file") this.#name = name;
    else this.#writeEntry(name);
  }

  payload(bytes: Uint8Array): void {
    if (this.#place === "file") {
      this.#size += bytes.length;
      this.#crc = crc64(this.#crc, bytes);
    } else this.raw(bytes);
  }

  endEntry(): void {
    if (this.#name !== null) this.#writeEntry(this.#name);
    this.#name = null;
  }

  endMarker(): void {
    if (this.#segmentFill > 0) this.#flushSegment();
    this.#marked = true;
  }

  end(): void {
    if (this.#segmentFill > 0 || this.#marked) this.#flushSegment();
  }

  drain(): Buffer {
    const lines = Buffer.from(this.#lines.join(""));
    this.#lines = [];
    return lines;
  }

  #reserve(length: number): void {
    const needed = this.#segmentFill + length;
    if (needed <= this.#segment.length) return;
    const larger = Buffer.allocUnsafe(Math.min(SEGMENT_LIMIT, Math.max(needed, 2 * this.#segment.length)));
    this.#segment.copy(larger, 0, 0, this.#segmentFill);
    this.#segment = larger;
  }

  #flushSegment(): void {
    const payload = this.#segment.toString("base64", 0, this.#segmentFill);
    this.#segmentFill = 0;
    this.#marked = false;
    this.#write(`{"type":2,"payload":"${payload}"`);
  }

  #writeEntry(name: Buffer): void {
    const field =
      name.length === 0 ? "" : isUtf8(name) ? `,"name":${goString(name)}` : `,"name_raw":"${name.toString("base64")}"`;
    const content =
      this.#size === 0
        ? ',"payload":null'
        : `,"size":${this.#size},"payload":"${crc64Bytes(this.#crc).toString("base64")}"`;
    this.#write(`{"type":1${field}${content}`);
  }

  #write(fields: string): void {
    this.#lines.push(`${fields},"position":${this.#position++}}\n`);
  }
}

/** A JSON string with the characters escaped that Go's encoder escapes, so that lines are Docker's byte for byte. */
function goString(name: Buffer): string {
  return JSON.stringify(name.toString()).replace(
    /[<>&\u2028\u2029]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}

/**
 * The archive that was recorded, byte for byte: `records` are the JSON lines (not gzipped), `openFile` gives the content
 * of a recorded file. DIGEST_MISMATCH naming the file whose content has another size or CRC-64 than recorded;
 * CORRUPT_STORE for malformed records. What `openFile` throws passes through.
 */
export async function* assembleTar(
  records: AsyncIterable<Uint8Array>,
  openFile: (name: Buffer) => AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
): AsyncGenerator<Buffer> {
  for await (const record of parseRecords(records)) {
    if (record.type === 2) yield record.payload;
    else if (record.size > 0) yield* verified(record, openFile(record.name));
  }
}

async function* verified(
  record: FileRecord,
  content: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
): AsyncGenerator<Buffer> {
  let size = 0;
  let crc = 0n;
  for await (const chunk of content) {
    size += chunk.length;
    if (size > record.size) throw changedFile(record, "size", `${record.size} bytes`, "more");
    crc = crc64(crc, chunk);
    yield Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength);
  }
  if (size !== record.size) throw changedFile(record, "size", `${record.size} bytes`, `${size}`);
  const found = crc64Bytes(crc);
  if (!found.equals(record.checksum)) {
    throw changedFile(record, "CRC-64", record.checksum.toString("hex"), found.toString("hex"));
  }
}

/** The refusal of a file of which other bytes were found than recorded. */
export function changedFile(record: FileRecord, what: string, expected: string, found: string): LayerfsError {
  const name = printable(record.name);
  return new LayerfsError("DIGEST_MISMATCH", `file ${name} of the layer: ${what} is ${found}, expected ${expected}`, {
    hint: "the unpacked file was changed after the layer was stored; pull or load the image again",
  });
}

/** An entry, and the name under which tar-split recorded it, by which `openFile` is asked for its content. */
export interface RecordedEntry {
  readonly entry: TarEntry;
  readonly recordedName: Buffer;
  /** Of its content outside the records: bytes, and CRC-64 (empty where there are none). */
  readonly recordedSize: number;
  readonly checksum: Buffer;
}

/**
 * The entries of a recorded archive, from its headers alone. Docker's own records hold no content of a sparse file, nor
 * the map that PAX 1.0 puts there: such an entry has `sparse` null. CORRUPT_STORE for malformed records, INVALID_TAR
 * if their headers make no archive.
 */
export async function* readHeaders(records: AsyncIterable<Uint8Array>): AsyncGenerator<RecordedEntry> {
  let entry: TarEntry | null = null;
  const reader = tarReader({
    raw() {},
    entry(next) {
      entry = next;
    },
    payload() {},
    endEntry() {},
  });
  const take = (): TarEntry | null => {
    const taken = entry;
    entry = null;
    return taken;
  };
  for await (const record of parseRecords(records)) {
    if (record.type === 2) reader.write(record.payload);
    else {
      if (record.size > 0) reader.skipPayload();
      const taken = take();
      // Docker records a global PAX header like an entry, which it is not here.
      if (taken !== null) {
        const { name: recordedName, size: recordedSize, checksum } = record;
        yield { entry: taken, recordedName, recordedSize, checksum };
      }
    }
  }
  reader.end();
}
