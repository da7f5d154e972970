import { LayerfsError } from "../core/errors.ts";

/**
 * Cuts a zstd stream where its frames end, so that no chunk holds bytes of two of them, and drops skippable frames.
 * node:zlib needs it: given the end of one frame and the start of the next in one chunk, it stops after the first without
 * an error; given them in two, it goes on. Only lengths are read (RFC 8878, sections 3.1.1 and 3.1.2), no data.
 * INVALID_COMPRESSION for what is no frame, and for a stream that ends inside one.
 */
export async function* zstdFrames(source: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  const scanner = new FrameScanner();
  let empty = true;
  for await (const chunk of source) {
    for (const part of scanner.cut(chunk)) {
      empty = false;
      yield part;
    }
  }
  scanner.end();
  // Skippable frames alone are a legal stream of nothing, which node:zlib would take for one that was cut off.
  if (empty) yield EMPTY_FRAME;
}

type Part =
  | "magic"
  | "descriptor"
  | "frame header"
  | "block header"
  | "block"
  | "checksum"
  | "skippable size"
  | "skipped";

/** Parts whose value decides what comes next. */
const NUMERIC_PARTS: ReadonlySet<Part> = new Set(["magic", "descriptor", "block header", "skippable size"]);
const ZSTD_MAGIC = 0xfd2fb528;
const ZSTD_MAGIC_BYTES = Buffer.from("28b52ffd", "hex");
const EMPTY_FRAME = Buffer.from("28b52ffd2000010000", "hex");
const SKIPPABLE_MAGIC = 0x184d2a50;
const SKIPPABLE_MAGICS = 16;
const RLE_BLOCK = 1;
const RESERVED_BLOCK = 3;

class FrameScanner {
  #part: Part = "magic";
  /** Bytes still missing of the part. */
  #left = 4;
  /** The part's bytes so far, little-endian. */
  #value = 0;
  #valueBytes = 0;
  #hasChecksum = false;
  #lastBlock = false;
  /** Bytes of the stream before the present part. */
  #offset = 0;

  *cut(chunk: Uint8Array): Generator<Uint8Array> {
    let frameStart = this.#insideFrame() ? 0 : chunk.length;
    for (let at = 0; at < chunk.length; ) {
      const taken = Math.min(this.#left, chunk.length - at);
      if (NUMERIC_PARTS.has(this.#part)) this.#addDigits(chunk.subarray(at, at + taken));
      at += taken;
      this.#left -= taken;
      this.#offset += taken;
      while (this.#left === 0) {
        const ended = this.#part;
        this.#next();
        if (ended === "magic" && this.#part === "descriptor") {
          frameStart = at - ZSTD_MAGIC_BYTES.length;
          if (frameStart < 0) {
            // The magic number began in an earlier chunk, which withheld it: it might have been a skippable frame's.
            yield ZSTD_MAGIC_BYTES;
            frameStart = at;
          }
        } else if (this.#part === "magic" && ended !== "skipped") {
          yield chunk.subarray(frameStart, at);
          frameStart = chunk.length;
        }
      }
    }
    if (frameStart < chunk.length) yield chunk.subarray(frameStart);
  }

  end(): void {
    if (this.#part === "magic" && this.#valueBytes === 0) return;
    throw damaged(this.#offset, `the stream ends inside a frame (${this.#part})`);
  }

  #insideFrame(): boolean {
    return this.#part !== "magic" && this.#part !== "skippable size" && this.#part !== "skipped";
  }

  #addDigits(bytes: Uint8Array): void {
    for (const byte of bytes) this.#value += byte * 256 ** this.#valueBytes++;
  }

  #next(): void {
    const [part, length] = this.#following();
    this.#part = part;
    this.#left = length;
    this.#value = 0;
    this.#valueBytes = 0;
  }

  /** The part after the present one, and its length. */
  #following(): [Part, number] {
    const value = this.#value;
    switch (this.#part) {
      case "magic":
        if (value === ZSTD_MAGIC) return ["descriptor", 1];
        if (value >= SKIPPABLE_MAGIC && value < SKIPPABLE_MAGIC + SKIPPABLE_MAGICS) return ["skippable size", 4];
        throw damaged(this.#offset - 4, "neither a zstd frame nor a skippable one begins here");
      case "skippable size":
        return ["skipped", value];
      case "descriptor":
        this.#hasChecksum = (value & 0x04) !== 0;
        return ["frame header", frameHeaderBytes(value)];
      case "frame header":
        return ["block header", 3];
      case "block header":
        return this.#block(value);
      case "block":
        if (!this.#lastBlock) return ["block header", 3];
        return this.#hasChecksum ? ["checksum", 4] : ["magic", 4];
      default:
        return ["magic", 4];
    }
  }

  #block(header: number): [Part, number] {
    const type = (header >> 1) & 3;
    if (type === RESERVED_BLOCK) throw damaged(this.#offset - 3, "a block of the reserved type");
    this.#lastBlock = (header & 1) === 1;
    return ["block", type === RLE_BLOCK ? 1 : header >> 3];
  }
}

/** How long the rest of the frame header is: window size, dictionary id and content size, each there or not. */
function frameHeaderBytes(descriptor: number): number {
  const singleSegment = (descriptor & 0x20) !== 0;
  const dictionaryBytes = [0, 1, 2, 4][descriptor & 3]!;
  const contentSizeBytes = [singleSegment ? 1 : 0, 2, 4, 8][descriptor >> 6]!;
  return (singleSegment ? 0 : 1) + dictionaryBytes + contentSizeBytes;
}

function damaged(offset: number, problem: string): LayerfsError {
  return new LayerfsError("INVALID_COMPRESSION", `zstd stream at byte ${offset}: ${problem}`, {
    hint: "the blob is damaged or cut off; fetch it again",
  });
}
