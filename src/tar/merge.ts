import type { Timespec } from "../core/timespec.ts";
import type { EntryKind, TarEntry } from "./entry.ts";
import type { BlockHeader } from "./header.ts";
import { malformed, tooLarge } from "./malformed.ts";
import { type PaxRecords, parseDecimal, parsePaxTime, XATTR_PREFIX } from "./pax.ts";

/** Longest name and link name, in bytes. */
export const NAME_LIMIT: number = 64 << 10;

/** What the extended headers before an entry's own header gave. */
export interface ExtendedHeaders {
  readonly pax: PaxRecords | null;
  /** Payload of GNU's L and K headers, up to the first NUL; the last of several wins. */
  readonly longName: Buffer | null;
  readonly longLink: Buffer | null;
}

/**
 * One entry from its header and the extended headers before it, in the precedence of Go's archive/tar: GNU long name,
 * then PAX record, then header field; an empty PAX value leaves the field alone. `offset` is where the entry begins.
 * Sparse forms are not applied yet: `size` and `payloadSize` are what the archive stores.
 */
export function mergeHeaders(header: BlockHeader, extended: ExtendedHeaders, offset: number): TarEntry {
  const { pax, longName, longLink } = extended;
  const name = checkedName(longName ?? paxBytes(pax, "path") ?? header.name, offset);
  const stored = paxNumber(pax, "size", offset) ?? header.size;
  if (stored < 0) throw malformed(offset, `PAX record size is ${stored}`);
  const kind = kindOf(header.typeflag, name);
  const payloadSize = kind === "file" || kind === "unknown" ? stored : 0;
  return {
    offset,
    kind,
    typeflag: header.typeflag,
    name,
    linkname: checkedName(longLink ?? paxBytes(pax, "linkpath") ?? header.linkname, offset),
    mode: header.mode & 0o7777,
    uid: paxNumber(pax, "uid", offset) ?? header.uid,
    gid: paxNumber(pax, "gid", offset) ?? header.gid,
    uname: paxBytes(pax, "uname")?.toString("utf8") ?? header.uname,
    gname: paxBytes(pax, "gname")?.toString("utf8") ?? header.gname,
    mtime: mtimeOf(pax, header, offset),
    size: payloadSize,
    payloadSize,
    devmajor: header.devmajor,
    devminor: header.devminor,
    xattrs: pax === null ? NO_XATTRS : xattrsOf(pax),
    sparse: null,
  };
}

const NO_XATTRS: ReadonlyMap<string, Buffer> = new Map();
const SLASH = 0x2f;

const KINDS: Readonly<Record<string, EntryKind>> = {
  "\0": "file",
  "0": "file",
  "1": "hardlink",
  "2": "symlink",
  "3": "char",
  "4": "block",
  "5": "directory",
  "6": "fifo",
  "7": "file",
  S: "file",
};

function kindOf(typeflag: string, name: Buffer): EntryKind {
  // Before POSIX there was no type flag for directories, their names ended in a slash.
  if (typeflag === "\0" && name.at(-1) === SLASH) return "directory";
  return KINDS[typeflag] ?? "unknown";
}

function checkedName(name: Buffer, offset: number): Buffer {
  if (name.length > NAME_LIMIT) throw tooLarge(offset, "a name", name.length, NAME_LIMIT);
  return name;
}

function paxBytes(pax: PaxRecords | null, key: string): Buffer | undefined {
  const value = pax?.get(key);
  return value === undefined || value.length === 0 ? undefined : value;
}

function paxNumber(pax: PaxRecords | null, key: string, offset: number): number | undefined {
  const text = paxBytes(pax, key)?.toString("latin1");
  if (text === undefined) return undefined;
  const value = parseDecimal(text);
  if (Number.isNaN(value)) throw malformed(offset, `PAX record ${key} is no number`);
  return value;
}

function mtimeOf(pax: PaxRecords | null, header: BlockHeader, offset: number): Timespec {
  if (pax === null) return { seconds: header.mtime, nanoseconds: 0 };
  // Access and change times are not kept, but a malformed one makes the archive malformed, as it does in Go.
  for (const key of ["atime", "ctime"]) paxTime(pax, key, offset);
  return paxTime(pax, "mtime", offset) ?? { seconds: header.mtime, nanoseconds: 0 };
}

function paxTime(pax: PaxRecords, key: string, offset: number): Timespec | undefined {
  const text = paxBytes(pax, key)?.toString("latin1");
  if (text === undefined) return undefined;
  const time = parsePaxTime(text);
  if (time === undefined) throw malformed(offset, `PAX record ${key} is no time`);
  return time;
}

function xattrsOf(pax: PaxRecords): ReadonlyMap<string, Buffer> {
  const xattrs = new Map<string, Buffer>();
  for (const [key, value] of pax) {
    if (key.startsWith(XATTR_PREFIX)) xattrs.set(key.slice(XATTR_PREFIX.length), value);
  }
  return xattrs;
}
