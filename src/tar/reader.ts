import type { DataRun, TarEntry } from "./entry.ts";
import { BLOCK_SIZE, type BlockHeader, decodeHeader, isZeroBlock } from "./header.ts";
import { malformed, tooLarge } from "./malformed.ts";
import { type ExtendedHeaders, mergeHeaders } from "./merge.ts";
import { type PaxRecords, parsePaxRecords } from "./pax.ts";
import { checkedRuns, leadingSparseMap, oldSparseMap, oldSparseSize, type PaxSparse, paxSparse } from "./sparse.ts";

/** Most bytes that one extended header (PAX records, GNU long name) may have; the limit of Go's archive/tar too. */
export const EXTENDED_HEADER_LIMIT: number = 1 << 20;

/**
 * Receives an archive in pieces. Every byte written to the reader arrives exactly once and in order, through `raw` or
 * `payload`; bytes are valid only during the call. What a method throws passes through `write`.
 */
export interface TarHandler {
  /** Bytes that are no payload: headers, extended headers, sparse maps, padding, the end marker and all behind it. */
  raw(bytes: Buffer): void;
  entry(entry: TarEntry): void;
  /** Stored bytes of the last entry, and where in its file they go (with holes, not just one after the other). */
  payload(bytes: Buffer, position: number): void;
  /** Follows the payload of every entry, also of one without. */
  endEntry(): void;
  /** The two zero blocks at the archive's end were just handed to `raw`; only raw bytes follow. Missing if they are. */
  endMarker?(): void;
}

export interface TarReader {
  /** INVALID_TAR or LIMIT_EXCEEDED with the byte offset; the reader is of no use afterwards. */
  write(chunk: Buffer): void;
  /** INVALID_TAR if the archive ends inside an entry. A missing end marker, or padding after the last payload, is no error. */
  end(): void;
  /** Goes on as if the rest of the present entry's payload had been written; for a stream of headers without contents. */
  skipPayload(): void;
}

/**
 * Reads v7, ustar, star, PAX and GNU archives the way Go's archive/tar does, as every container engine uses that, and a
 * layer must not mean one thing there and another here. So a global PAX header (type g) is checked but not applied to
 * the entries after it, and it ends what extended headers before it said; it is no entry. Everything after the end
 * marker is raw bytes. Empty input is an empty archive.
 */
export function tarReader(handler: TarHandler): TarReader {
  return new PushReader(handler);
}

type State = "header" | "extended" | "padding" | "sparse-blocks" | "sparse-map" | "payload" | "junk";

const NO_EXTENDED_HEADERS: ExtendedHeaders = { pax: null, longName: null, longLink: null };
const EXTENDED_TYPES: ReadonlySet<string> = new Set(["x", "g", "L", "K"]);
const NO_BYTES = Buffer.alloc(0);

class PushReader implements TarReader {
  readonly #handler: TarHandler;
  #state: State = "header";
  /** Where in the archive the next byte lies. */
  #offset = 0;
  /** Bytes left of the present extended header, padding or payload. */
  #left = 0;
  /** Padding that follows the present extended header or payload. */
  #padding = 0;
  /** Collects a block that is split over chunks. */
  readonly #block = Buffer.allocUnsafe(BLOCK_SIZE);
  #blockFill = 0;
  #zeroBlockSeen = false;

  /** Where the present entry began, with its extended headers; -1 between entries. */
  #start = -1;
  #extended: ExtendedHeaders = NO_EXTENDED_HEADERS;
  #extendedType = "";
  #extendedData = NO_BYTES;

  #entry: TarEntry | null = null;
  #oldMap: ReturnType<typeof oldSparseMap> | null = null;
  #leadingMap: ReturnType<typeof leadingSparseMap> | null = null;
  #run = 0;
  #position = 0;

  constructor(handler: TarHandler) {
    this.#handler = handler;
  }

  write(chunk: Buffer): void {
    for (let at = 0; at < chunk.length; ) {
      const taken = this.#take(chunk, at);
      this.#offset += taken;
      at += taken;
    }
  }

  end(): void {
    const betweenBlocks = this.#blockFill === 0 && (this.#state === "header" || this.#state === "padding");
    const betweenEntries = betweenBlocks && this.#start < 0;
    if (this.#state === "junk" || betweenEntries) return;
    const part = betweenBlocks ? "an entry, after its extended header" : PARTS[this.#state];
    throw malformed(this.#offset, `the archive ends in the middle of ${part}`);
  }

  skipPayload(): void {
    if (this.#state === "sparse-map") this.#beginPayload(this.#entry!);
    if (this.#state !== "payload") return;
    this.#offset += this.#left;
    this.#left = 0;
    this.#endPayload();
  }

  /** Handles bytes of `chunk` from `at` on and returns how many. */
  #take(chunk: Buffer, at: number): number {
    switch (this.#state) {
      case "payload":
        return this.#takePayload(chunk, at);
      case "padding":
        return this.#takePadding(chunk, at);
      case "extended":
        return this.#takeExtended(chunk, at);
      case "junk":
        this.#handler.raw(chunk.subarray(at));
        return chunk.length - at;
      default:
        return this.#takeBlock(chunk, at);
    }
  }

  #takeBlock(chunk: Buffer, at: number): number {
    if (this.#blockFill === 0 && chunk.length - at >= BLOCK_SIZE) {
      this.#handleBlock(chunk.subarray(at, at + BLOCK_SIZE), this.#offset);
      return BLOCK_SIZE;
    }
    const taken = chunk.copy(this.#block, this.#blockFill, at);
    this.#blockFill += taken;
    if (this.#blockFill === BLOCK_SIZE) {
      this.#blockFill = 0;
      this.#handleBlock(this.#block, this.#offset + taken - BLOCK_SIZE);
    }
    return taken;
  }

  #handleBlock(block: Buffer, offset: number): void {
    if (this.#state === "header") this.#handleHeader(block, offset);
    else if (this.#state === "sparse-blocks") this.#handleSparseBlock(block);
    else this.#handleSparseMapBlock(block);
  }

  #handleHeader(block: Buffer, offset: number): void {
    if (isZeroBlock(block)) {
      this.#handleZeroBlock(block, offset);
      return;
    }
    if (this.#zeroBlockSeen) throw malformed(offset, "a single zero block, where the end marker has two");
    const header = decodeHeader(block, offset);
    this.#handler.raw(block);
    if (this.#start < 0) this.#start = offset;
    if (EXTENDED_TYPES.has(header.typeflag)) this.#beginExtended(header, offset);
    else this.#handleEntryHeader(header, block);
  }

  #handleZeroBlock(block: Buffer, offset: number): void {
    if (this.#start >= 0) throw malformed(offset, "the end marker follows an extended header, expected its entry");
    this.#handler.raw(block);
    if (!this.#zeroBlockSeen) {
      this.#zeroBlockSeen = true;
      return;
    }
    this.#state = "junk";
    this.#handler.endMarker?.();
  }

  #beginExtended(header: BlockHeader, offset: number): void {
    if (header.size > EXTENDED_HEADER_LIMIT) {
      throw tooLarge(offset, "an extended header", header.size, EXTENDED_HEADER_LIMIT);
    }
    this.#extendedType = header.typeflag;
    this.#extendedData = Buffer.allocUnsafe(header.size);
    this.#left = header.size;
    this.#padding = paddingAfter(header.size);
    this.#state = "extended";
    if (header.size === 0) this.#endExtended(offset + BLOCK_SIZE);
  }

  #takeExtended(chunk: Buffer, at: number): number {
    const taken = chunk.copy(this.#extendedData, this.#extendedData.length - this.#left, at, at + this.#left);
    this.#handler.raw(chunk.subarray(at, at + taken));
    this.#left -= taken;
    if (this.#left === 0) this.#endExtended(this.#offset + taken - this.#extendedData.length);
    return taken;
  }

  /** `offset` is where the extended header's payload began. */
  #endExtended(offset: number): void {
    const data = this.#extendedData;
    this.#extendedData = NO_BYTES;
    if (this.#extendedType === "L") this.#extended = { ...this.#extended, longName: untilNul(data) };
    else if (this.#extendedType === "K") this.#extended = { ...this.#extended, longLink: untilNul(data) };
    else this.#handlePax(parsePaxRecords(data, offset));
    this.#beginPadding();
  }

  #handlePax(pax: PaxRecords): void {
    if (this.#extendedType === "x") this.#extended = { ...this.#extended, pax };
    else this.#forgetEntry();
  }

  #handleEntryHeader(header: BlockHeader, block: Buffer): void {
    const entry = mergeHeaders(header, this.#extended, this.#start);
    const pax = this.#extended.pax;
    if (header.typeflag === "S") this.#beginOldSparse(header, entry, block);
    else {
      const sparse = pax === null ? null : paxSparse(pax, this.#start);
      if (sparse === null) this.#beginPayload(entry);
      else this.#beginPaxSparse(entry, sparse);
    }
  }

  #beginOldSparse(header: BlockHeader, entry: TarEntry, block: Buffer): void {
    const size = oldSparseSize(block);
    if (header.format !== "gnu" || !(size >= 0))
      throw malformed(this.#start, "the header of a sparse file is malformed");
    this.#entry = { ...entry, size };
    this.#oldMap = oldSparseMap(this.#start);
    this.#addToOldMap(block);
  }

  #handleSparseBlock(block: Buffer): void {
    this.#handler.raw(block);
    this.#addToOldMap(block);
  }

  #addToOldMap(block: Buffer): void {
    if (this.#oldMap!.add(block)) this.#state = "sparse-blocks";
    else this.#beginSparsePayload(this.#oldMap!.runs);
  }

  #beginPaxSparse(entry: TarEntry, { map, name, size }: PaxSparse): void {
    if (entry.kind !== "file") throw malformed(this.#start, `a ${entry.kind} with a sparse map`);
    this.#entry = { ...entry, name: name ?? entry.name, size: size ?? entry.size };
    if (map !== null) this.#beginSparsePayload(map);
    else {
      this.#leadingMap = leadingSparseMap(this.#start);
      this.#state = "sparse-map";
      this.#requireMapBlock();
    }
  }

  #handleSparseMapBlock(block: Buffer): void {
    this.#handler.raw(block);
    const entry = this.#entry!;
    this.#entry = { ...entry, payloadSize: entry.payloadSize - BLOCK_SIZE };
    const map = this.#leadingMap!.add(block);
    if (map === null) this.#requireMapBlock();
    else this.#beginSparsePayload(map);
  }

  #requireMapBlock(): void {
    if (this.#entry!.payloadSize < BLOCK_SIZE) throw malformed(this.#start, "the sparse map ends early");
  }

  #beginSparsePayload(map: readonly DataRun[]): void {
    const entry = this.#entry!;
    this.#beginPayload({ ...entry, sparse: checkedRuns(map, entry.size, entry.payloadSize, this.#start) });
  }

  #beginPayload(entry: TarEntry): void {
    this.#forgetEntry();
    this.#entry = entry;
    this.#left = entry.payloadSize;
    this.#padding = paddingAfter(entry.payloadSize);
    this.#run = 0;
    this.#position = entry.sparse?.[0]?.offset ?? 0;
    this.#state = "payload";
    this.#handler.entry(entry);
    if (this.#left === 0) this.#endPayload();
  }

  #takePayload(chunk: Buffer, at: number): number {
    const runs = this.#entry!.sparse;
    const taken = Math.min(chunk.length - at, this.#left, this.#leftOfRun(runs));
    this.#handler.payload(taken === chunk.length ? chunk : chunk.subarray(at, at + taken), this.#position);
    this.#left -= taken;
    this.#position += taken;
    if (this.#left === 0) this.#endPayload();
    else if (runs !== null && this.#leftOfRun(runs) === 0) this.#position = runs[++this.#run]!.offset;
    return taken;
  }

  #leftOfRun(runs: readonly DataRun[] | null): number {
    if (runs === null) return this.#left;
    const { offset, length } = runs[this.#run]!;
    return offset + length - this.#position;
  }

  #endPayload(): void {
    this.#entry = null;
    this.#beginPadding();
    this.#handler.endEntry();
  }

  #beginPadding(): void {
    this.#left = this.#padding;
    this.#state = this.#left === 0 ? "header" : "padding";
  }

  #takePadding(chunk: Buffer, at: number): number {
    const taken = Math.min(chunk.length - at, this.#left);
    this.#handler.raw(chunk.subarray(at, at + taken));
    this.#left -= taken;
    if (this.#left === 0) this.#state = "header";
    return taken;
  }

  #forgetEntry(): void {
    this.#start = -1;
    this.#extended = NO_EXTENDED_HEADERS;
    this.#oldMap = null;
    this.#leadingMap = null;
  }
}

const PARTS: Readonly<Partial<Record<State, string>>> = {
  header: "a header",
  extended: "an extended header",
  "sparse-blocks": "a sparse map",
  "sparse-map": "a sparse map",
  payload: "an entry's contents",
};

/** How many bytes follow `size` of them up to the next block. */
function paddingAfter(size: number): number {
  return (BLOCK_SIZE - (size % BLOCK_SIZE)) % BLOCK_SIZE;
}

function untilNul(data: Buffer): Buffer {
  const end = data.indexOf(0);
  return end < 0 ? data : data.subarray(0, end);
}
