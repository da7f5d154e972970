import { randomBytes } from "node:crypto";
import {
  closeSync,
  constants,
  fstatSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  utimesSync,
  writevSync,
} from "node:fs";
import { join } from "node:path";
import { crc32 } from "node:zlib";
import { makeDirectories } from "../../../sys/make-directories.ts";

/**
 * What a run keeps for the next one: entries of layers, where to begin inflating, merged trees, contents. All of it is
 * named by a digest and can be made anew, so whoever likes may remove any of it at any time.
 *
 * A record is read whole and checked; a damaged one is as none. It is written aside and renamed, without a sync: what a
 * power cut leaves of it fails its check. The same record written by several processes at once is the same.
 */
export interface IndexCache {
  /** The record's bytes, or null. */
  read(kind: RecordKind, key: string): Buffer | null;
  /** Does nothing where the directory cannot be written, or the record is too large. */
  write(kind: RecordKind, key: string, parts: readonly Uint8Array[]): void;
}

export type RecordKind = "layers" | "points" | "trees" | "files";

export interface IndexCacheOptions {
  /** Most bytes of all records; the ones that were not used for longest go first. Default: 1 GiB. */
  readonly maxBytes?: number | undefined;
}

/** Changes with every form of a record. Records of another one are removed by the next sweep. */
const VERSION = "view-2";
const MAGIC = Buffer.from("layerfs1");
const HEAD_SIZE = MAGIC.length + 4;
const DEFAULT_MAX_BYTES = 1 << 30;
const MAX_RECORD = 256 << 20;
/** An unfinished file that is older was left by a process that is gone. */
const UNFINISHED_MS = 60 * 60 * 1000;
/** Marking each use would cost a write for each reading. */
const USE_MS = 60 * 60 * 1000;

/** `directory` is layerfs's own cache directory; it is made when something is written. */
export function indexCache(directory: string, { maxBytes = DEFAULT_MAX_BYTES }: IndexCacheOptions = {}): IndexCache {
  const home = join(directory, VERSION);
  const pathOf = (kind: RecordKind, key: string): string => join(home, `${kind}-${key}`);
  return {
    read: (kind, key) => readRecord(pathOf(kind, key)),
    write: (kind, key, parts) => {
      const size = parts.reduce((sum, part) => sum + part.length, HEAD_SIZE);
      if (size > Math.min(MAX_RECORD, maxBytes)) return;
      unlessRefused(() => {
        makeDirectories(home, 0o700);
        writeRecord(home, pathOf(kind, key), parts);
        sweep(directory, maxBytes);
      });
    },
  };
}

function readRecord(path: string): Buffer | null {
  const bytes = unlessRefused(() => readOwn(path));
  if (bytes === null || bytes.length < HEAD_SIZE || !bytes.subarray(0, MAGIC.length).equals(MAGIC)) return null;
  const body = bytes.subarray(HEAD_SIZE);
  return crc32(body) === bytes.readUInt32LE(MAGIC.length) ? body : null;
}

/** A file that belongs to another user is none: that user might have us see what the image does not have. */
function readOwn(path: string): Buffer | null {
  const fd = openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  try {
    const stats = fstatSync(fd);
    if (!stats.isFile() || stats.uid !== process.geteuid?.() || stats.size > MAX_RECORD) return null;
    const now = Date.now();
    if (now - stats.mtimeMs > USE_MS) utimesSync(path, now / 1000, now / 1000);
    return readFileSync(fd);
  } finally {
    closeSync(fd);
  }
}

function writeRecord(home: string, path: string, parts: readonly Uint8Array[]): void {
  const temporary = join(home, `.${randomBytes(8).toString("hex")}.tmp`);
  const head = Buffer.alloc(HEAD_SIZE);
  MAGIC.copy(head);
  head.writeUInt32LE(
    parts.reduce((sum, part) => crc32(part, sum), 0),
    MAGIC.length,
  );
  try {
    const fd = openSync(temporary, constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL, 0o600);
    try {
      for (const part of [head, ...parts]) writeAll(fd, part);
    } finally {
      closeSync(fd);
    }
    renameSync(temporary, path);
  } catch (error) {
    rmSync(temporary, { force: true });
    throw error;
  }
}

function writeAll(fd: number, bytes: Uint8Array): void {
  for (let done = 0; done < bytes.length; ) done += writevSync(fd, [bytes.subarray(done)]);
}

/** Removes what other versions and dead processes have left, and the records unused for longest until the rest fits. */
function sweep(directory: string, maxBytes: number): void {
  for (const name of readdirSync(directory)) {
    if (/^view-\d+$/.test(name) && name !== VERSION) rmSync(join(directory, name), { recursive: true, force: true });
  }
  const home = join(directory, VERSION);
  const records = readdirSync(home).flatMap((name) => {
    const path = join(home, name);
    const stats = statSync(path, { throwIfNoEntry: false });
    return stats === undefined
      ? []
      : [{ path, size: stats.size, used: stats.mtimeMs, isTemporary: /^\..*\.tmp$/.test(name) }];
  });
  let total = records.reduce((sum, { size }) => sum + size, 0);
  for (const { path, size, used, isTemporary } of records.sort((a, b) => a.used - b.used)) {
    const isLeft = isTemporary && Date.now() - used > UNFINISHED_MS;
    if (!isLeft && (isTemporary || total <= maxBytes)) continue;
    rmSync(path, { force: true });
    total -= size;
  }
}

/** What the system may answer for a cache that is not there, not ours or full: then there is none. */
const REFUSALS: ReadonlySet<string | undefined> = new Set([
  ...["ENOENT", "ENOTDIR", "ELOOP", "EACCES", "EPERM", "EROFS", "ENOSPC", "EDQUOT", "EIO", "ESTALE", "ENAMETOOLONG"],
]);

function unlessRefused<T>(act: () => T): T | null {
  try {
    return act();
  } catch (error) {
    const { code, errno } = error as { code?: string; errno?: string | number };
    // libuv has no name for EDQUOT.
    if (REFUSALS.has(code) || errno === -122 || (typeof errno === "string" && REFUSALS.has(errno))) return null;
    throw error;
  }
}
