import type { DataRun, EntryKind, TarEntry } from "../../../tar/entry.ts";
import { ByteReader, ByteWriter } from "./byte-stream.ts";
import { decodeXattrs, encodeXattrs } from "./xattrs-codec.ts";

/** An entry of a layer, with where its bytes are in the layer's tar. */
export interface IndexedEntry {
  readonly entry: TarEntry;
  /** Offset of its payload in the uncompressed tar. */
  readonly payloadOffset: number;
  /** CRC-32 of its payload. */
  readonly checksum: number;
}

/** Collects the entries of a layer in a compact form. */
export interface EntryEncoder {
  add(entry: IndexedEntry): void;
  /** Bytes so far. */
  readonly length: number;
  finish(): Buffer;
}

/** The entries that an encoder collected. Decoded when they are asked for. */
export interface EncodedEntries {
  readonly count: number;
  at(index: number): IndexedEntry;
  all(): Generator<TarEntry>;
}

const KINDS: readonly EntryKind[] = [
  ...(["file", "hardlink", "symlink", "char", "block", "directory", "fifo", "unknown"] as const),
];
const HAS_XATTRS = 0x10;
const HAS_SPARSE = 0x20;
const HAS_DEVICE = 0x40;
const HAS_LINK = 0x80;
const NO_BYTES = Buffer.alloc(0);
const NO_XATTRS: ReadonlyMap<string, Buffer> = new Map();

export function entryEncoder(): EntryEncoder {
  const writer = new ByteWriter();
  const positions: number[] = [];
  return {
    add: (indexed) => {
      positions.push(writer.length);
      encode(writer, indexed);
    },
    get length() {
      return writer.length + 4 * positions.length;
    },
    finish: () => {
      const head = Buffer.alloc(4);
      head.writeUInt32LE(positions.length);
      const table = Uint32Array.from(positions);
      return Buffer.concat([head, Buffer.from(table.buffer), writer.result()]);
    },
  };
}

/** `bytes` are those of `finish`. */
export function decodeEntries(bytes: Buffer): EncodedEntries {
  const count = bytes.readUInt32LE(0);
  const start = 4 + 4 * count;
  return {
    count,
    at: (index) => decode(new ByteReader(bytes, start + bytes.readUInt32LE(4 + 4 * index))),
    *all() {
      const reader = new ByteReader(bytes, start);
      for (let index = 0; index < count; index++) yield decode(reader).entry;
    },
  };
}

function encode(writer: ByteWriter, { entry, payloadOffset, checksum }: IndexedEntry): void {
  const hasDevice = entry.devmajor !== 0 || entry.devminor !== 0;
  let flags = KINDS.indexOf(entry.kind);
  if (entry.xattrs.size > 0) flags |= HAS_XATTRS;
  if (entry.sparse !== null) flags |= HAS_SPARSE;
  if (hasDevice) flags |= HAS_DEVICE;
  if (entry.linkname.length > 0) flags |= HAS_LINK;
  writer.byte(flags);
  writer.byte(entry.typeflag.charCodeAt(0));
  writer.bytes(entry.name);
  if (entry.linkname.length > 0) writer.bytes(entry.linkname);
  writer.number(entry.offset);
  writer.number(entry.mode);
  writer.signed(entry.uid);
  writer.signed(entry.gid);
  writer.text(entry.uname);
  writer.text(entry.gname);
  writer.signed(entry.mtime.seconds);
  writer.number(entry.mtime.nanoseconds);
  writer.number(entry.size);
  writer.number(entry.payloadSize);
  if (entry.payloadSize > 0) {
    writer.number(payloadOffset);
    writer.number(checksum);
  }
  if (hasDevice) {
    writer.signed(entry.devmajor);
    writer.signed(entry.devminor);
  }
  if (entry.xattrs.size > 0) encodeXattrs(writer, entry.xattrs);
  if (entry.sparse !== null) encodeRuns(writer, entry.sparse);
}

function decode(reader: ByteReader): IndexedEntry {
  const flags = reader.byte();
  const typeflag = String.fromCharCode(reader.byte());
  const name = reader.bytes();
  const linkname = (flags & HAS_LINK) === 0 ? NO_BYTES : reader.bytes();
  const offset = reader.number();
  const mode = reader.number();
  const uid = reader.signed();
  const gid = reader.signed();
  const uname = reader.text();
  const gname = reader.text();
  const mtime = { seconds: reader.signed(), nanoseconds: reader.number() };
  const size = reader.number();
  const payloadSize = reader.number();
  const payloadOffset = payloadSize > 0 ? reader.number() : 0;
  const checksum = payloadSize > 0 ? reader.number() : 0;
  const devmajor = (flags & HAS_DEVICE) === 0 ? 0 : reader.signed();
  const devminor = (flags & HAS_DEVICE) === 0 ? 0 : reader.signed();
  const xattrs = (flags & HAS_XATTRS) === 0 ? NO_XATTRS : decodeXattrs(reader);
  const sparse = (flags & HAS_SPARSE) === 0 ? null : decodeRuns(reader);
  // biome-ignore format: one entry's fields
  const entry = {
    offset, kind: KINDS[flags & 0x0f]!, typeflag, name, linkname, mode, uid, gid, uname, gname, mtime,
    size, payloadSize, devmajor, devminor, xattrs, sparse,
  };
  return { entry, payloadOffset, checksum };
}

function encodeRuns(writer: ByteWriter, runs: readonly DataRun[]): void {
  writer.number(runs.length);
  for (const { offset, length } of runs) {
    writer.number(offset);
    writer.number(length);
  }
}

function decodeRuns(reader: ByteReader): readonly DataRun[] {
  return Array.from({ length: reader.number() }, () => ({ offset: reader.number(), length: reader.number() }));
}
