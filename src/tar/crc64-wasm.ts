/**
 * The inner loop of CRC-64 as a WebAssembly module, put together here from its instructions: JavaScript has no 64-bit
 * integers but BigInt, which is a hundred times slower. Sixteen bytes a turn, each through a table of its own ("slicing
 * by 16"). In its memory lie the sixteen tables, which the caller fills in, and behind them the bytes to sum.
 */
export const TABLES = 16;
const TABLE_BYTES = 256 * 8;
export const DATA_START: number = TABLES * TABLE_BYTES;
const MEMORY_PAGES = 2;
const PAGE_BYTES = 65_536;
export const DATA_CAPACITY: number = MEMORY_PAGES * PAGE_BYTES - DATA_START;

/** The module's bytes. It exports `memory` and `update(state: i64, length: i32): i64` over the bytes at DATA_START. */
export function crc64Module(): Uint8Array<ArrayBuffer> {
  const name = (text: string): number[] => [text.length, ...Buffer.from(text)];
  return Uint8Array.from([
    ...[0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00],
    ...section(1, [1, 0x60, 2, I64, I32, 1, I64]),
    ...section(3, [1, 0]),
    ...section(5, [1, 0, MEMORY_PAGES]),
    ...section(7, [2, ...name("memory"), 2, 0, ...name("update"), 0, 0]),
    ...section(10, [1, ...sized([2, 2, I32, 1, I64, ...updateBody(), END])]),
  ]);
}

const I32 = 0x7f;
const I64 = 0x7e;
const VOID = 0x40;
const END = 0x0b;

const op = {
  i64Xor: 0x85,
  i64ShiftLeft: 0x86,
  i64ShiftRight: 0x88,
  i32Wrap: 0xa7,
  i32And: 0x71,
  i32Add: 0x6a,
  i32AtLeast: 0x4f,
} as const;

const get = (local: number): number[] => [0x20, local];
const set = (local: number): number[] => [0x21, local];
const i32 = (value: number): number[] => [0x41, ...signed(value)];
const i64 = (value: number): number[] => [0x42, ...signed(value)];
const loadI64 = (offset: number, alignment: number): number[] => [0x29, alignment, ...unsigned(offset)];
const loadByte = (offset: number): number[] => [0x31, 0, ...unsigned(offset)];
/** Repeats `body` while the local `at` is below the local `end`. */
const whileBelow = (at: number, end: number, body: number[]): number[] => [
  ...[0x02, VOID, 0x03, VOID],
  ...[...get(at), ...get(end), op.i32AtLeast, 0x0d, 1],
  ...body,
  ...[0x0c, 0, END, END],
];

const STATE = 0;
const LENGTH = 1;
const AT = 2;
const WHOLE = 3;
const WORD = 4;

function updateBody(): number[] {
  const advance = (bytes: number): number[] => [...get(AT), ...i32(bytes), op.i32Add, ...set(AT)];
  const sixteenBytes = [
    ...[...get(AT), ...loadI64(DATA_START, 3), ...get(STATE), op.i64Xor, ...set(STATE)],
    ...[...get(AT), ...loadI64(DATA_START + 8, 3), ...set(WORD)],
    ...lookups(STATE, 15),
    ...lookups(WORD, 7),
    ...[op.i64Xor, ...set(STATE)],
    ...advance(16),
  ];
  const oneByte = [
    ...[...get(AT), ...loadByte(DATA_START), ...get(STATE), op.i64Xor, ...set(WORD)],
    ...lookup(WORD, 0, 0),
    ...[...get(STATE), ...i64(8), op.i64ShiftRight, op.i64Xor, ...set(STATE)],
    ...advance(1),
  ];
  return [
    ...[...get(LENGTH), ...i32(-16), op.i32And, ...set(WHOLE)],
    ...whileBelow(AT, WHOLE, sixteenBytes),
    ...whileBelow(AT, LENGTH, oneByte),
    ...get(STATE),
  ];
}

/** Looks up the eight bytes of a word, the lowest in `firstTable` and each further one a table down; leaves their xor. */
function lookups(word: number, firstTable: number): number[] {
  const each = Array.from({ length: 8 }, (_, byte) => lookup(word, byte, firstTable - byte));
  return each.flatMap((code, byte) => (byte === 0 ? code : [...code, op.i64Xor]));
}

/** Leaves the entry of `table` for byte number `byte` of the word. An entry has eight bytes, hence the three bits. */
function lookup(word: number, byte: number, table: number): number[] {
  const shift = byte === 0 ? [...i64(3), op.i64ShiftLeft] : [...i64(8 * byte - 3), op.i64ShiftRight];
  return [...get(word), ...shift, op.i32Wrap, ...i32(0xff << 3), op.i32And, ...loadI64(table * TABLE_BYTES, 3)];
}

function section(id: number, content: number[]): number[] {
  return [id, ...sized(content)];
}

function sized(content: number[]): number[] {
  return [...unsigned(content.length), ...content];
}

/** LEB128, in which WebAssembly writes its integers. */
function unsigned(value: number): number[] {
  return value < 0x80 ? [value] : [(value & 0x7f) | 0x80, ...unsigned(value >>> 7)];
}

function signed(value: number): number[] {
  return value >= -64 && value < 64 ? [value & 0x7f] : [(value & 0x7f) | 0x80, ...signed(value >> 7)];
}
