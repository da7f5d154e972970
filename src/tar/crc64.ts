import { crc64Module, DATA_CAPACITY, DATA_START, TABLES } from "./crc64-wasm.ts";

/**
 * CRC-64 with the ISO 3309 polynomial as Go's hash/crc64 computes it, which tar-split records for each file: reflected,
 * inverted before and after. `previous` is the checksum of the bytes before, 0n at the start.
 */
export function crc64(previous: bigint, bytes: Uint8Array): bigint {
  if (bytes.length === 0) return previous;
  engine ??= instantiate();
  const { update, data } = engine;
  let state = ~previous;
  for (let at = 0; at < bytes.length; at += DATA_CAPACITY) {
    const part = bytes.subarray(at, at + DATA_CAPACITY);
    data.set(part);
    state = update(state, part.length);
  }
  return BigInt.asUintN(64, ~state);
}

/** The checksum as tar-split stores it: eight bytes, the highest first. */
export function crc64Bytes(crc: bigint): Buffer {
  const bytes = Buffer.allocUnsafe(8);
  bytes.writeBigUInt64BE(crc);
  return bytes;
}

const POLYNOMIAL = 0xd800000000000000n;

interface Engine {
  update(state: bigint, length: number): bigint;
  /** The part of its memory where the bytes to sum go. */
  readonly data: Uint8Array;
}

/** The compiled program; it may be handed to other threads of the process. */
export type Crc64Program = object;

let program: Crc64Program | undefined;
let engine: Engine | undefined;

/**
 * The program of this process, compiled at the first call. Threads that come and go should be given it
 * (`shareCrc64Program`): V8 was seen to abort where threads compile and free WebAssembly of their own over and over
 * (nodejs/node issue 64500).
 */
export function crc64Program(): Crc64Program {
  program ??= new WebAssembly.Module(crc64Module());
  return program;
}

/** Uses what `crc64Program` returned in another thread. Called before the first sum. */
export function shareCrc64Program(shared: Crc64Program): void {
  program = shared;
}

/** The part of the global that is used here; @types/node leaves it to the DOM's types. */
declare const WebAssembly: {
  Module: new (bytes: Uint8Array<ArrayBuffer>) => object;
  Instance: new (
    module: object,
  ) => {
    exports: { memory: { buffer: ArrayBuffer }; update(state: bigint, length: number): bigint };
  };
};

function instantiate(): Engine {
  const { memory, update } = new WebAssembly.Instance(crc64Program()).exports;
  fillTables(new BigUint64Array(memory.buffer, 0, TABLES * 256));
  return { update, data: new Uint8Array(memory.buffer, DATA_START, DATA_CAPACITY) };
}

/** Entry `byte` of table n is what that byte contributes n bytes after it was read. */
function fillTables(tables: BigUint64Array): void {
  for (let byte = 0; byte < 256; byte++) {
    let crc = BigInt(byte);
    for (let bit = 0; bit < 8; bit++) crc = crc & 1n ? (crc >> 1n) ^ POLYNOMIAL : crc >> 1n;
    tables[byte] = crc;
  }
  for (let index = 256; index < tables.length; index++) {
    const before = tables[index - 256]!;
    tables[index] = tables[Number(before & 0xffn)]! ^ (before >> 8n);
  }
}
