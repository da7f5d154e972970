import { promisify } from "node:util";
import { loadKoffi, type Memory } from "./native.ts";

/** What one step of an inflater did. */
export interface InflateStep {
  readonly consumed: number;
  readonly produced: number;
  /** The stream, or the member of a gzip file, has ended. */
  readonly isEnd: boolean;
  /**
   * It stands between two blocks, so that inflating can begin here: the number of bits of the last consumed byte that
   * belong to the next block (0 to 7). Null anywhere else.
   */
  readonly blockBits: number | null;
}

/** Where `Inflater.resumeAt` begins: between two blocks. */
export interface InflateStart {
  /** The byte before the one where reading goes on; only asked for where `bits` is not 0. */
  readonly byteBefore: number;
  readonly bits: number;
  /** What was inflated last before it, at most 32 KiB. */
  readonly window: Uint8Array;
}

/**
 * zlib's inflate() step by step, with what node:zlib does not give: where blocks end, and the window. Steps run on
 * Node.js's thread pool, one at a time; the memory of input and output must not be used meanwhile.
 */
export interface Inflater extends Disposable {
  /**
   * Inflates until the input is used up, the output is full, the stream ends, or, if that is wanted, a block ends. null:
   * the data is damaged.
   */
  step(input: Buffer, output: Buffer, stopAtBlock: boolean): Promise<InflateStep | null>;
  /** The last 32 KiB that were inflated, or fewer near the start. */
  window(): Buffer;
  /** Begins anew with the next member of a gzip file. */
  reset(): void;
}

/** For a gzip file, or between two blocks of one. null where this Node.js does not let its zlib be called. */
export function inflater(start?: InflateStart): Inflater | null {
  const zlib = zlibFunctions();
  return zlib === null ? null : makeInflater(zlib, start);
}

interface Zlib {
  address(memory: Buffer): bigint;
  inflateInit2(stream: Memory, windowBits: number, version: Memory, size: number): number;
  inflateAsync(stream: Memory, flush: number): Promise<number>;
  inflateEnd(stream: Memory): number;
  inflateReset(stream: Memory): number;
  inflatePrime(stream: Memory, bits: number, value: number): number;
  inflateSetDictionary(stream: Memory, dictionary: Memory, length: number): number;
  inflateGetDictionary(stream: Memory, dictionary: Memory, length: Memory): number;
}

/** z_stream of zlib.h on 64-bit processors: 112 bytes. */
const STREAM = { size: 112, nextIn: 0, availIn: 8, nextOut: 24, availOut: 32, dataType: 88 };
const GZIP = 31;
const RAW = -15;
const WINDOW_SIZE = 32 * 1024;
const Z_OK = 0;
const Z_STREAM_END = 1;
const Z_BUF_ERROR = -5;
const Z_NO_FLUSH = 0;
const Z_BLOCK = 5;
const AT_BLOCK = 128;
const IN_LAST_BLOCK = 64;

let bound: Zlib | null | undefined;

/** zlib inside the program node, else the system's. */
function zlibFunctions(): Zlib | null {
  bound ??= bind(null) ?? bind("libz.so.1");
  return bound;
}

function bind(library: string | null): Zlib | null {
  const koffi = loadKoffi();
  try {
    const zlib = koffi.load(library);
    return {
      address: (memory) => koffi.address(memory) as bigint,
      inflateInit2: zlib.func("int inflateInit2_(void *, int, const void *, int)"),
      inflateAsync: promisify(zlib.func("int inflate(void *, int)").async) as Zlib["inflateAsync"],
      inflateEnd: zlib.func("int inflateEnd(void *)"),
      inflateReset: zlib.func("int inflateReset(void *)"),
      inflatePrime: zlib.func("int inflatePrime(void *, int, int)"),
      inflateSetDictionary: zlib.func("int inflateSetDictionary(void *, const void *, unsigned int)"),
      inflateGetDictionary: zlib.func("int inflateGetDictionary(void *, void *, void *)"),
    };
  } catch (error) {
    // koffi has no codes: it throws for a library or a function that is not there, and for nothing else here.
    if (error instanceof Error) return null;
    throw error;
  }
}

function makeInflater(zlib: Zlib, start: InflateStart | undefined): Inflater | null {
  const stream = Buffer.alloc(STREAM.size);
  const version = Buffer.from(`${process.versions.zlib}\0`);
  if (zlib.inflateInit2(stream, start === undefined ? GZIP : RAW, version, STREAM.size) !== Z_OK) return null;
  if (start !== undefined) prime(zlib, stream, start);
  let isOpen = true;
  let running = false;
  const end = (): void => {
    if (isOpen && !running) zlib.inflateEnd(stream);
    isOpen = running;
  };
  return {
    async step(input, output, stopAtBlock) {
      stream.writeBigUInt64LE(BigInt(zlib.address(input)), STREAM.nextIn);
      stream.writeUInt32LE(input.length, STREAM.availIn);
      stream.writeBigUInt64LE(BigInt(zlib.address(output)), STREAM.nextOut);
      stream.writeUInt32LE(output.length, STREAM.availOut);
      running = true;
      const result = await zlib.inflateAsync(stream, stopAtBlock ? Z_BLOCK : Z_NO_FLUSH);
      running = false;
      if (result !== Z_OK && result !== Z_STREAM_END && result !== Z_BUF_ERROR) return null;
      const state = stream.readInt32LE(STREAM.dataType);
      const isBetween = stopAtBlock && (state & AT_BLOCK) !== 0 && (state & IN_LAST_BLOCK) === 0;
      return {
        // What native code points to must be referenced until here.
        consumed: input.length - stream.readUInt32LE(STREAM.availIn),
        produced: output.length - stream.readUInt32LE(STREAM.availOut),
        isEnd: result === Z_STREAM_END,
        blockBits: isBetween && result === Z_OK ? state & 7 : null,
      };
    },
    window() {
      const window = Buffer.alloc(WINDOW_SIZE);
      const length = Buffer.alloc(4);
      zlib.inflateGetDictionary(stream, window, length);
      return window.subarray(0, length.readUInt32LE());
    },
    reset: () => void zlib.inflateReset(stream),
    [Symbol.dispose]: end,
  };
}

function prime(zlib: Zlib, stream: Buffer, { byteBefore, bits, window }: InflateStart): void {
  if (bits > 0) zlib.inflatePrime(stream, bits, byteBefore >> (8 - bits));
  if (window.length > 0) zlib.inflateSetDictionary(stream, window, window.length);
}
