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
  const number = (field: NumberField): number => {
    const value = parseNumber(block, FIELD[field][0], FIELD[field][1]);
    if (Number.isNaN(value)) throw malformed(offset, `the header's ${field} is no number that tar allows`);
    return value;
  };
  const size = number("size");
  if (size < 0) throw malformed(offset, `the header's size is ${size}`);
  const modern = format !== "v7";
  return {
    format,
    typeflag: String.fromCharCode(block[FIELD.typeflag[0]]!),
    name: fullName(block, format),
    linkname: copyOf(block, FIELD.linkname[0], textEnd(block, FIELD.linkname)),
    mode: number("mode"),
    uid: number("uid"),
    gid: number("gid"),
    size,
    mtime: number("mtime"),
    uname: modern ? block.toString("utf8", FIELD.uname[0], textEnd(block, FIELD.uname)) : "",
    gname: modern ? block.toString("utf8", FIELD.gname[0], textEnd(block, FIELD.gname)) : "",
    devmajor: modern ? number("devmajor") : 0,
    devminor: modern ? number("devminor") : 0,
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
  const magic = block.toString("latin1", FIELD.magic[0], FIELD.magic[0] + FIELD.magic[1]);
  if (magic === GNU_MAGIC) return "gnu";
  if (magic !== USTAR_MAGIC) return "v7";
  return block.toString("latin1", FIELD.starTrailer[0], BLOCK_SIZE) === "tar\0" ? "star" : "ustar";
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

/** Where the text of a field ends: at its first NUL or at the end of the field. */
function textEnd(block: Uint8Array, [start, length]: FieldPlace): number {
  let end = start;
  while (end < start + length && block[end] !== 0) end++;
  return end;
}

function copyOf(block: Buffer, start: number, end: number): Buffer {
  const copy = Buffer.allocUnsafe(end - start);
  block.copy(copy, 0, start, end);
  return copy;
}
