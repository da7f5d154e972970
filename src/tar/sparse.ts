import type { DataRun } from "./entry.ts";
import { BLOCK_SIZE } from "./header.ts";
import { malformed, tooLarge } from "./malformed.ts";
import { parseNumber } from "./numeric.ts";
import { type PaxRecords, parseDecimal, SPARSE_MAP } from "./pax.ts";

/** Most bytes that a sparse map may have, in the extension blocks of a GNU header or before the data of PAX 1.0. */
export const SPARSE_MAP_LIMIT: number = 1 << 20;

/** What the PAX records of an entry say about its sparse form (GNU's manual, "Storing Sparse Files"). */
export interface PaxSparse {
  /** Set for formats 0.0 and 0.1. In format 1.0 the map precedes the data. */
  readonly map: readonly DataRun[] | null;
  /** The real name, as the header has a made-up one for readers that know nothing of sparse files. */
  readonly name: Buffer | undefined;
  readonly size: number | undefined;
}

/** The sparse form in `records`, or null if the entry is an ordinary one; an unknown version counts as ordinary, as in Go. */
export function paxSparse(records: PaxRecords, offset: number): PaxSparse | null {
  const text = (key: string): string => records.get(key)?.toString("latin1") ?? "";
  const version = `${text("GNU.sparse.major")}.${text("GNU.sparse.minor")}`;
  const early = version === "0.0" || version === "0.1" || (version === "." && text(SPARSE_MAP) !== "");
  if (!early && version !== "1.0") return null;
  const size = text("GNU.sparse.size") || text("GNU.sparse.realsize");
  const name = records.get("GNU.sparse.name");
  return {
    map: early ? mapFromRecord(text(SPARSE_MAP), text("GNU.sparse.numblocks"), offset) : null,
    name: name?.length ? name : undefined,
    size: size === "" ? undefined : sparseNumber(size, offset),
  };
}

/**
 * The map of GNU's old sparse format: four runs in the header (at byte 386 of it), and while a flag says so, 21 more in
 * each block that follows. `add` takes the header and then those blocks, and returns whether another one follows.
 */
export function oldSparseMap(offset: number): { add(block: Buffer): boolean; readonly runs: readonly DataRun[] } {
  const runs: DataRun[] = [];
  let blocks = 0;
  return {
    runs,
    add(block) {
      const [start, count] = blocks === 0 ? [386, 4] : [0, 21];
      if (++blocks * BLOCK_SIZE > SPARSE_MAP_LIMIT) {
        throw tooLarge(offset, "a sparse map", blocks * BLOCK_SIZE, SPARSE_MAP_LIMIT);
      }
      for (let at = start; at < start + count * 24 && block[at] !== 0; at += 24) {
        const run = { offset: parseNumber(block, at, 12), length: parseNumber(block, at + 12, 12) };
        if (Number.isNaN(run.offset + run.length)) throw malformed(offset, "a number in the sparse map is malformed");
        runs.push(run);
      }
      return block[start + count * 24] !== 0;
    },
  };
}

/** The real size in a header of GNU's old sparse format; NaN if malformed. */
export function oldSparseSize(block: Buffer): number {
  return parseNumber(block, 483, 12);
}

/**
 * The map of PAX format 1.0: decimal lines (their count, then offset and length of each run) in the first blocks of the
 * payload. `add` takes block by block, and returns the map once it is whole.
 */
export function leadingSparseMap(offset: number): { add(block: Buffer): readonly DataRun[] | null } {
  const blocks: string[] = [];
  let missingLines = 0;
  return {
    add(block) {
      const text = block.toString("latin1");
      if (blocks.length === 0) missingLines = 1 + 2 * sparseNumber(text.split("\n", 1)[0]!, offset);
      blocks.push(text);
      const bytes = blocks.length * BLOCK_SIZE;
      if (bytes > SPARSE_MAP_LIMIT) throw tooLarge(offset, "a sparse map", bytes, SPARSE_MAP_LIMIT);
      for (const byte of block) if (byte === NEWLINE) missingLines--;
      if (missingLines > 0) return null;
      const [count, ...rest] = blocks.join("").split("\n");
      return pairs(rest.slice(0, 2 * sparseNumber(count!, offset)), offset);
    },
  };
}

const NEWLINE = 0x0a;

/**
 * Checks that the runs ascend, do not overlap, end within `size` and hold `stored` bytes together; INVALID_TAR if not.
 * Returns them without empty ones, with which writers mark the end of the file.
 */
export function checkedRuns(runs: readonly DataRun[], size: number, stored: number, offset: number): DataRun[] {
  let end = 0;
  let sum = 0;
  for (const run of runs) {
    if (run.offset < end || run.length < 0)
      throw malformed(offset, "the runs of the sparse map overlap or do not ascend");
    end = run.offset + run.length;
    sum += run.length;
    if (end > size) throw malformed(offset, `the sparse map reaches to byte ${end} of a file of ${size}`);
  }
  if (sum !== stored) throw malformed(offset, `the sparse map has ${sum} bytes of data, the archive ${stored}`);
  return runs.filter((run) => run.length > 0);
}

function mapFromRecord(map: string, count: string, offset: number): DataRun[] {
  const numbers = map === "" ? [] : map.split(",");
  if (numbers.length !== 2 * sparseNumber(count, offset)) {
    throw malformed(offset, `the sparse map has ${numbers.length} numbers, expected ${count} pairs`);
  }
  return pairs(numbers, offset);
}

function pairs(numbers: readonly string[], offset: number): DataRun[] {
  const runs: DataRun[] = [];
  for (let at = 0; at < numbers.length; at += 2) {
    runs.push({ offset: sparseNumber(numbers[at]!, offset), length: sparseNumber(numbers[at + 1]!, offset) });
  }
  return runs;
}

function sparseNumber(text: string, offset: number): number {
  const value = parseDecimal(text);
  if (!(value >= 0)) throw malformed(offset, "a number of the sparse map is malformed");
  return value;
}
