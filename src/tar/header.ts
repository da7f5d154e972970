import { malformed } from "./malformed.ts";
import { parseNumber, parseOctal } from "./numeric.ts";

export const BLOCK_SIZE: number = 512;

export type HeaderFormat = "v7" | "ustar" | "star" | "gnu";

/** One header block, decoded; extended headers are not applied yet. */
export interface BlockHeader {
  readonly format: HeaderFormat;
  readonly typeflag: string;
  readonly name: Buffer;
  readonly linkname: Buffer;
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly size: number;
  readonly mtime: number;
  readonly uname: string;
  readonly gname: string;
  readonly devmajor: number;
  readonly devminor: number;
}

type NumberField = "mode" | "uid" | "gid" | "size" | "mtime" | "devmajor" | "devminor";
type TextField = "name" | "linkname" | "magic" | "uname" | "gname" | "prefix" | "starPrefix" | "starTrailer";
export type FieldName = NumberField | TextField | "checksum" | "typeflag" | "gnuAtime" | "gnuCtime";
type FieldPlace = readonly [start: number, length: number];

/** Offset and length of the fields of a header block: POSIX ustar, GNU's manual ("Basic Tar Format") and star's. */
export const FIELD: Readonly<Record<FieldName, FieldPlace>> = {
  name: [0, 100],
  mode: [100, 8],
  uid: [108, 8],
  gid: [116, 8],
  size: [124, 12],
  mtime: [136, 12],
  checksum: [148, 8],
  typeflag: [156, 1],
  linkname: [157, 100],
  magic: [257, 8],
  uname: [265, 32],
  gname: [297, 32],
  devmajor: [329, 8],
  devminor: [337, 8],
  prefix: [345, 155],
  starPrefix: [345, 131],
  gnuAtime: [345, 12],
  gnuCtime: [357, 12],
  starTrailer: [508, 4],
};

export const USTAR_MAGIC = "ustar\x0000";
export const GNU_MAGIC = "ustar  \0";

/** Decodes the header block that lies at byte `offset` of the archive; INVALID_TAR if its checksum or a number is wrong. */
export function decodeHeader(block: Buffer, offset: number): BlockHeader {
  verifyChecksum(block, offset);
  const format = formatOf(block);
  const number = ([start, length]: FieldPlace, field: NumberField): number => {
    const value = parseNumber(block, start, length);
    if (Number.isNaN(value)) throw malformed(offset, `the header's ${field} is no number that tar allows`);
    return value;
  };
  const size = number(FIELD.size, "size");
  if (size < 0) throw malformed(offset, `the header's size is ${size}`);
  const modern = format !== "v7";
  return {
    format,
    typeflag: String.fromCharCode(block[FIELD.typeflag[0]]!),
    name: fullName(block, format),
    linkname: copyOf(block, FIELD.linkname[0], textEnd(block, FIELD.linkname)),
    mode: number(FIELD.mode, "mode"),
    uid: number(FIELD.uid, "uid"),
    gid: number(FIELD.gid, "gid"),
    size,
    mtime: number(FIELD.mtime, "mtime"),
    uname: modern ? textOf(block, FIELD.uname) : "",
    gname: modern ? textOf(block, FIELD.gname) : "",
    devmajor: modern ? number(FIELD.devmajor, "devmajor") : 0,
    devminor: modern ? number(FIELD.devminor, "devminor") : 0,
  };
}

export function isZeroBlock(block: Buffer): boolean {
  return block[0] === 0 && block.equals(ZERO_BLOCK);
}

/** Sum of the block's bytes, its checksum field counted as spaces. */
export function checksumOf(block: Uint8Array): number {
  let sum = 8 * 0x20;
  for (let at = 0; at < FIELD.checksum[0]; at++) sum += block[at]!;
  for (let at = FIELD.typeflag[0]; at < BLOCK_SIZE; at++) sum += block[at]!;
  return sum;
}

const ZERO_BLOCK = Buffer.alloc(BLOCK_SIZE);
const NO_BYTES = Buffer.alloc(0);
const SLASH = 0x2f;

function verifyChecksum(block: Buffer, offset: number): void {
  const stored = parseOctal(block, FIELD.checksum[0], FIELD.checksum[1]);
  const computed = checksumOf(block);
  // Some old writers summed signed characters, and every reader accepts theirs.
  if (stored === computed || stored === signedChecksumOf(block)) return;
  const found = Number.isNaN(stored) ? "no octal number" : `0${stored.toString(8)}`;
  throw malformed(offset, `the header's checksum is ${found}, expected 0${computed.toString(8)}`);
}

function signedChecksumOf(block: Uint8Array): number {
  let sum = checksumOf(block);
  for (let at = 0; at < BLOCK_SIZE; at++) {
    const counted = at < FIELD.checksum[0] || at >= FIELD.typeflag[0];
    if (counted && block[at]! > 127) sum -= 256;
  }
  return sum;
}

function formatOf(block: Buffer): HeaderFormat {
  if (holds(block, FIELD.magic[0], GNU_MAGIC)) return "gnu";
  if (!holds(block, FIELD.magic[0], USTAR_MAGIC)) return "v7";
  return holds(block, FIELD.starTrailer[0], "tar\0") ? "star" : "ustar";
}

function fullName(block: Buffer, format: HeaderFormat): Buffer {
  const nameEnd = textEnd(block, FIELD.name);
  const prefixEnd = prefixEndOf(block, format);
  if (prefixEnd === FIELD.prefix[0]) return copyOf(block, 0, nameEnd);
  const prefixLength = prefixEnd - FIELD.prefix[0];
  const name = Buffer.allocUnsafe(prefixLength + 1 + nameEnd);
  block.copy(name, 0, FIELD.prefix[0], prefixEnd);
  name[prefixLength] = SLASH;
  block.copy(name, prefixLength + 1, 0, nameEnd);
  return name;
}

function prefixEndOf(block: Buffer, format: HeaderFormat): number {
  if (format === "ustar") return textEnd(block, FIELD.prefix);
  if (format === "star") return textEnd(block, FIELD.starPrefix);
  // Go before 1.8 wrote a prefix into GNU headers, where access and change times belong; images with such layers exist.
  if (format === "gnu" && !hasGnuTimes(block)) {
    const end = textEnd(block, FIELD.prefix);
    if (block.subarray(FIELD.prefix[0], end).every((byte) => byte < 0x80)) return end;
  }
  return FIELD.prefix[0];
}

function hasGnuTimes(block: Buffer): boolean {
  return [FIELD.gnuAtime, FIELD.gnuCtime].every(
    ([start, length]) => block[start] === 0 || !Number.isNaN(parseNumber(block, start, length)),
  );
}

function holds(block: Uint8Array, start: number, text: string): boolean {
  for (let at = 0; at < text.length; at++) if (block[start + at] !== text.charCodeAt(at)) return false;
  return true;
}

function textOf(block: Buffer, field: FieldPlace): string {
  const end = textEnd(block, field);
  return end === field[0] ? "" : block.toString("utf8", field[0], end);
}

/** Where the text of a field ends: at its first NUL or at the end of the field. */
function textEnd(block: Uint8Array, [start, length]: FieldPlace): number {
  let end = start;
  while (end < start + length && block[end] !== 0) end++;
  return end;
}

function copyOf(block: Buffer, start: number, end: number): Buffer {
  if (start === end) return NO_BYTES;
  const copy = Buffer.allocUnsafe(end - start);
  block.copy(copy, 0, start, end);
  return copy;
}
