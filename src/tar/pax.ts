import type { Timespec } from "../core/timespec.ts";
import { malformed } from "./malformed.ts";

/** The records of one PAX extended header by keyword, values as bytes; the last of equal keywords wins. */
export type PaxRecords = ReadonlyMap<string, Buffer>;

/** Sparse runs of GNU's PAX format 0.0 come as repeated records, which `parsePaxRecords` joins into format 0.1's one. */
export const SPARSE_MAP = "GNU.sparse.map";
export const XATTR_PREFIX = "SCHILY.xattr.";

/**
 * Reads the payload of a PAX extended header ("LENGTH KEYWORD=VALUE\n" repeated; POSIX.1-2017, pax, "pax Extended
 * Header"). `offset` is where the payload lies in the archive. Values are views of `data`. INVALID_TAR if a length does
 * not fit, a keyword is empty or holds a NUL, or a path, link path or user name holds a NUL.
 */
export function parsePaxRecords(data: Buffer, offset: number): PaxRecords {
  const records = new Map<string, Buffer>();
  const sparse: string[] = [];
  for (let at = 0; at < data.length; ) {
    const { key, value, end } = parseRecord(data, at, offset + at);
    at = end;
    if (key !== SPARSE_OFFSET && key !== SPARSE_LENGTH) {
      records.set(key, value);
      continue;
    }
    const expected = sparse.length % 2 === 0 ? SPARSE_OFFSET : SPARSE_LENGTH;
    const number = value.toString("latin1");
    if (key !== expected || number.includes(",")) throw malformed(offset + at, `PAX record ${key} is out of order`);
    sparse.push(number);
  }
  if (sparse.length > 0) records.set(SPARSE_MAP, Buffer.from(sparse.join(","), "latin1"));
  return records;
}

/** One PAX record, whose length counts its own digits. */
export function formatPaxRecord(key: string, value: Buffer | string): Buffer {
  const rest = Buffer.concat([Buffer.from(` ${key}=`), Buffer.from(value), Buffer.from("\n")]);
  let length = rest.length + String(rest.length).length;
  length = rest.length + String(length).length;
  return Buffer.concat([Buffer.from(String(length)), rest]);
}

/** A time such as "1350244992.023960108" or "-1.5"; digits beyond nanoseconds are cut off. Undefined if it is no time. */
export function parsePaxTime(text: string): Timespec | undefined {
  const match = /^([+-]?)(\d{1,16})(?:\.(\d*))?$/.exec(text);
  if (match === null) return undefined;
  const [, sign, whole, fraction = ""] = match;
  const seconds = Number(whole);
  if (!Number.isSafeInteger(seconds)) return undefined;
  const nanoseconds = Number(fraction.slice(0, 9).padEnd(9, "0"));
  if (sign !== "-") return { seconds, nanoseconds };
  return nanoseconds === 0
    ? { seconds: 0 - seconds, nanoseconds }
    : { seconds: -seconds - 1, nanoseconds: 1e9 - nanoseconds };
}

/** The inverse of `parsePaxTime`, as short as it can be. */
export function formatPaxTime({ seconds, nanoseconds }: Timespec): string {
  if (nanoseconds === 0) return String(seconds);
  const negative = seconds < 0;
  const whole = negative ? -seconds - 1 : seconds;
  const fraction = String(negative ? 1e9 - nanoseconds : nanoseconds).padStart(9, "0");
  return `${negative ? "-" : ""}${whole}.${fraction.replace(/0+$/, "")}`;
}

/** A decimal integer of a PAX record; NaN if it is none or is beyond 2^53. */
export function parseDecimal(text: string): number {
  if (!/^[+-]?\d{1,32}$/.test(text)) return Number.NaN;
  const value = Number(text);
  return Number.isSafeInteger(value) ? value : Number.NaN;
}

const SPARSE_OFFSET = "GNU.sparse.offset";
const SPARSE_LENGTH = "GNU.sparse.numbytes";
const SPACE = 0x20;
const EQUALS = 0x3d;
const NEWLINE = 0x0a;
/** Keywords whose value ends up in a path or name, where a NUL would cut it short. */
const TEXT_KEYWORDS = new Set(["path", "linkpath", "uname", "gname"]);

function parseRecord(data: Buffer, start: number, offset: number): { key: string; value: Buffer; end: number } {
  const space = data.indexOf(SPACE, start);
  const digits = space < 0 || space - start > 10 ? "" : data.toString("latin1", start, space);
  const end = start + (/^\d+$/.test(digits) ? Number(digits) : Number.NaN);
  if (!(end > space + 1 && end <= data.length)) throw malformed(offset, "the length of a PAX record does not fit");
  if (data[end - 1] !== NEWLINE) throw malformed(offset, "a PAX record does not end in a newline");
  const equals = data.indexOf(EQUALS, space + 1);
  if (equals < 0 || equals >= end) throw malformed(offset, "a PAX record has no equals sign");
  const key = data.toString("utf8", space + 1, equals);
  const value = data.subarray(equals + 1, end - 1);
  if (key === "") throw malformed(offset, "a PAX record has no keyword");
  if (TEXT_KEYWORDS.has(key) ? value.includes(0) : key.includes("\0")) {
    throw malformed(offset, `a NUL in PAX record ${key.replaceAll("\0", "\\0")}`);
  }
  return { key, value, end };
}
