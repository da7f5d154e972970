import {
  closeSync,
  constants,
  fstatSync,
  futimesSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  writevSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { crc32 } from "node:zlib";
import { lockDescriptor } from "../../../sys/lock.ts";
import { makeDirectories } from "../../../sys/make-directories.ts";
import { makeRoom, removeLeft, temporaryName } from "./cache-sweep.ts";

/**
 * What a run keeps for the next one: entries of layers, where to begin inflating, merged trees, contents. All of it is
 * named by a digest and can be made anew, so whoever likes may remove any of it at any time.
 *
 * A record is read whole and checked; a damaged one is as none. It is written aside and renamed, without a sync: what a
 * power cut leaves of it fails its check. The same record written by several processes at once is the same. What a killed
 * process has left is removed by the next one that looks for a record.
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

/** Changes with every form of a record. */
export const CACHE_VERSION = "view-2";
const MAGIC = Buffer.from("layerfs1");
const HEAD_SIZE = MAGIC.length + 4;
const DEFAULT_MAX_BYTES = 1 << 30;
const MAX_RECORD = 256 << 20;
/** Marking each use would cost a write for each reading. */
const USE_MS = 60 * 60 * 1000;

/** `directory` is layerfs's own cache directory; it is made when something is written. */
export function indexCache(directory: string, { maxBytes = DEFAULT_MAX_BYTES }: IndexCacheOptions = {}): IndexCache {
  const home = join(directory, CACHE_VERSION);
  const pathOf = (kind: RecordKind, key: string): string => join(home, `${kind}-${key}`);
  let isSwept = false;
  const sweepOnce = (): void => {
    if (!isSwept) unlessRefused(() => removeLeft(directory, CACHE_VERSION));
    isSwept = true;
  };
  return {
    read: (kind, key) => {
      sweepOnce();
      return readRecord(pathOf(kind, key));
    },
    write: (kind, key, parts) => {
      const size = parts.reduce((sum, part) => sum + part.length, HEAD_SIZE);
      if (size > Math.min(MAX_RECORD, maxBytes)) return;
      sweepOnce();
      unlessRefused(() => {
        makeDirectories(home, 0o700);
        // Room is made when all that this process adds is there: whoever comes last sees all that others have added.
        writeRecord(pathOf(kind, key), parts, () => makeRoom(home, maxBytes));
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
    if (now - stats.mtimeMs > USE_MS) unlessRefused(() => futimesSync(fd, now / 1000, now / 1000));
    return readFileSync(fd);
  } finally {
    closeSync(fd);
  }
}

/** The lock on the unfinished file tells others that its writer lives. */
function writeRecord(path: string, parts: readonly Uint8Array[], beforeRename: () => void): void {
  const temporary = join(dirname(path), temporaryName());
  const head = Buffer.alloc(HEAD_SIZE);
  MAGIC.copy(head);
  head.writeUInt32LE(
    parts.reduce((sum, part) => crc32(part, sum), 0),
    MAGIC.length,
  );
  const fd = openSync(temporary, constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL, 0o600);
  try {
    lockDescriptor(fd);
    for (const part of [head, ...parts]) writeAll(fd, part);
    beforeRename();
    renameSync(temporary, path);
  } catch (error) {
    rmSync(temporary, { force: true });
    throw error;
  } finally {
    closeSync(fd);
  }
}

function writeAll(fd: number, bytes: Uint8Array): void {
  for (let done = 0; done < bytes.length; ) done += writevSync(fd, [bytes.subarray(done)]);
}

/**
 * What the system may answer for a cache that is not there, not ours or full, that knows no locks, or where another
 * process took what was just begun for something left: then there is none.
 */
const REFUSALS: ReadonlySet<string | undefined> = new Set([
  ...["ENOENT", "ENOTDIR", "ELOOP", "EACCES", "EPERM", "EROFS", "ENOSPC", "EDQUOT", "EIO", "ESTALE", "ENAMETOOLONG"],
  ...["ENOLCK", "EOPNOTSUPP", "EAGAIN"],
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
