import { LayerfsError, printable } from "../core/errors.ts";
import type { Timespec } from "../core/timespec.ts";
import type { EntryKind } from "./entry.ts";
import { BLOCK_SIZE, checksumOf, FIELD, USTAR_MAGIC } from "./header.ts";
import { fitsOctal, writeOctal } from "./numeric.ts";
import { formatPaxRecord, formatPaxTime, XATTR_PREFIX } from "./pax.ts";

/** What an archive says of one entry; a `TarEntry` that is neither sparse nor of an unknown kind is one too. */
export interface HeaderFields {
  readonly kind: EntryKind;
  /** Any bytes but NUL. A directory's gets a slash at its end if it has none. */
  readonly name: Buffer;
  /** Target of a symlink, or the name of the entry that a hard link repeats. */
  readonly linkname?: Buffer;
  /** Permission bits, at most 07777. */
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly uname?: string;
  readonly gname?: string;
  readonly mtime: Timespec;
  /** Bytes of content that follow; must be 0 or absent for everything but a file. */
  readonly size?: number;
  readonly devmajor?: number;
  readonly devminor?: number;
  readonly xattrs?: ReadonlyMap<string, Buffer>;
}

/** The two zero blocks that close an archive. */
export const END_OF_ARCHIVE: Buffer = Buffer.alloc(2 * BLOCK_SIZE);

/**
 * Everything that comes before an entry's content: a ustar header, and before it a PAX extended header with only those
 * fields that ustar cannot say (POSIX.1-2017, pax): long or non-ASCII names, large or negative numbers, parts of seconds,
 * extended attributes. The same fields give the same bytes. INVALID_LAYER for what no tar can hold: a NUL in a name, a
 * kind "unknown", content where there can be none.
 */
export function encodeHeader(fields: HeaderFields): Buffer {
  checkFields(fields);
  const name =
    fields.kind === "directory" && fields.name.at(-1) !== SLASH
      ? Buffer.concat([fields.name, Buffer.from("/")])
      : fields.name;
  const complete = { ...fields, name, linkname: fields.linkname ?? NO_BYTES, size: fields.size ?? 0 };
  const { place, records } = layOut(complete);
  const header = ustarBlock(TYPEFLAGS[fields.kind]!, complete, place);
  if (records.length === 0) return header;
  const payload = Buffer.concat(records);
  const extended = ustarBlock(
    "x",
    { ...EXTENDED_FIELDS, size: payload.length },
    { name: extendedName(name), prefix: NO_BYTES },
  );
  return Buffer.concat([extended, payload, padding(payload.length), header]);
}

/** The zeros that follow `size` bytes of content. */
export function padding(size: number): Buffer {
  return END_OF_ARCHIVE.subarray(0, (BLOCK_SIZE - (size % BLOCK_SIZE)) % BLOCK_SIZE);
}

type CompleteFields = HeaderFields & { readonly linkname: Buffer; readonly size: number };

/** How a name lies in a ustar header: with a slash between the two if there is a prefix. */
interface NamePlace {
  readonly name: Buffer;
  readonly prefix: Buffer;
}

const SLASH = 0x2f;
const NO_BYTES = Buffer.alloc(0);
const TYPEFLAGS: Readonly<Partial<Record<EntryKind, string>>> = {
  file: "0",
  hardlink: "1",
  symlink: "2",
  char: "3",
  block: "4",
  directory: "5",
  fifo: "6",
};
const EXTENDED_FIELDS = { linkname: NO_BYTES, mode: 0, uid: 0, gid: 0, mtime: { seconds: 0, nanoseconds: 0 } };

function checkFields(fields: HeaderFields): void {
  const problem = problemOf(fields);
  if (problem === undefined) return;
  throw new LayerfsError("INVALID_LAYER", `entry ${printable(fields.name)}: ${problem}`, {
    hint: "a tar archive cannot hold it; leave it out of the layer",
  });
}

function problemOf(fields: HeaderFields): string | undefined {
  const { kind, name, linkname, uname, gname, size = 0, devmajor = 0, devminor = 0, xattrs } = fields;
  if (TYPEFLAGS[kind] === undefined) return `it is of the kind ${kind}`;
  if (name.includes(0) || linkname?.includes(0)) return "its name or its target has a NUL";
  if (uname?.includes("\0") || gname?.includes("\0")) return "its owner's name has a NUL";
  if (!(size === 0 || (kind === "file" && Number.isSafeInteger(size) && size > 0))) return `a ${kind} of size ${size}`;
  const attribute = [...(xattrs?.keys() ?? [])].find((key) => /^$|[=\0]/.test(key));
  if (attribute !== undefined) return `its extended attribute ${printable(attribute)} is empty or has "=" or NUL`;
  const fits = fitsOctal(devmajor, FIELD.devmajor[1]) && fitsOctal(devminor, FIELD.devminor[1]);
  return fits ? undefined : `its device number is ${devmajor}:${devminor}`;
}

/** What of `fields` goes into the ustar header's name, and the PAX records for all that ustar has no room for. */
function layOut(fields: CompleteFields): { place: NamePlace; records: Buffer[] } {
  const records: Buffer[] = [];
  const record = (key: string, value: Buffer | string): void => void records.push(formatPaxRecord(key, value));
  const place = placeName(fields.name);
  const { seconds, nanoseconds } = fields.mtime;
  for (const key of ["uid", "gid", "size"] as const) {
    if (!fitsOctal(fields[key], FIELD[key][1])) record(key, String(fields[key]));
  }
  if (nanoseconds !== 0 || !fitsOctal(seconds, FIELD.mtime[1])) record("mtime", formatPaxTime(fields.mtime));
  if (place === undefined) record("path", fields.name);
  if (!fitsText(fields.linkname, FIELD.linkname[1])) record("linkpath", fields.linkname);
  for (const key of ["uname", "gname"] as const) {
    const text = Buffer.from(fields[key] ?? "");
    // Their field has no room for its last byte: readers expect a NUL there.
    if (!fitsText(text, FIELD[key][1] - 1)) record(key, text);
  }
  for (const [key, value] of [...(fields.xattrs ?? [])].toSorted(byKey)) record(`${XATTR_PREFIX}${key}`, value);
  return { place: place ?? { name: fields.name.subarray(0, FIELD.name[1]), prefix: NO_BYTES }, records };
}

function byKey([a]: readonly [string, Buffer], [b]: readonly [string, Buffer]): number {
  return a < b ? -1 : 1;
}

function fitsText(text: Buffer, length: number): boolean {
  return text.length <= length && text.every((byte) => byte < 0x80);
}

function placeName(name: Buffer): NamePlace | undefined {
  if (name.length === 0) return { name, prefix: NO_BYTES };
  if (!fitsText(name, FIELD.prefix[1] + 1 + FIELD.name[1])) return undefined;
  if (name.length <= FIELD.name[1]) return { name, prefix: NO_BYTES };
  const slash = name.indexOf(SLASH, name.length - FIELD.name[1] - 1);
  if (slash <= 0 || slash > FIELD.prefix[1] || slash === name.length - 1) return undefined;
  return { name: name.subarray(slash + 1), prefix: name.subarray(0, slash) };
}

/** A name for the PAX header itself, for readers that take it for a file. */
function extendedName(name: Buffer): Buffer {
  const base = name.toString("latin1").replace(/\/+$/, "").split("/").at(-1)!;
  return Buffer.from(`PaxHeaders.0/${base.replace(/[^\x20-\x7e]/g, "_").slice(0, 80)}`);
}

function ustarBlock(
  typeflag: string,
  fields: Omit<CompleteFields, "kind" | "name">,
  { name, prefix }: NamePlace,
): Buffer {
  const block = Buffer.alloc(BLOCK_SIZE);
  const put = (key: "name" | "prefix" | "linkname", bytes: Buffer): void => {
    bytes.copy(block, FIELD[key][0], 0, FIELD[key][1]);
  };
  const putNumber = (key: "mode" | "uid" | "gid" | "size" | "mtime" | "devmajor" | "devminor", value: number): void => {
    // What does not fit is in a PAX record.
    if (!writeOctal(block, ...FIELD[key], value)) writeOctal(block, ...FIELD[key], 0);
  };
  put("name", name);
  put("prefix", prefix);
  put("linkname", fields.linkname);
  putNumber("mode", fields.mode & 0o7777);
  putNumber("uid", fields.uid);
  putNumber("gid", fields.gid);
  putNumber("size", fields.size);
  putNumber("mtime", fields.mtime.seconds);
  putNumber("devmajor", fields.devmajor ?? 0);
  putNumber("devminor", fields.devminor ?? 0);
  block.write(typeflag, FIELD.typeflag[0], "latin1");
  block.write(USTAR_MAGIC, FIELD.magic[0], "latin1");
  for (const key of ["uname", "gname"] as const) block.write(fields[key] ?? "", FIELD[key][0], FIELD[key][1] - 1);
  writeOctal(block, FIELD.checksum[0], FIELD.checksum[1] - 1, checksumOf(block));
  block[FIELD.typeflag[0] - 1] = 0x20;
  return block;
}
