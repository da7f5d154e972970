import type { Timespec } from "../core/timespec.ts";
import { check, orErrno } from "./at.ts";
import { ENAMETOOLONG } from "./errno.ts";
import {
  AT_EMPTY_PATH,
  AT_SYMLINK_NOFOLLOW,
  S_IFBLK,
  S_IFCHR,
  S_IFDIR,
  S_IFIFO,
  S_IFLNK,
  S_IFMT,
  S_IFSOCK,
} from "./flags.ts";
import { first } from "./name.ts";
import { native } from "./native.ts";

export type NodeKind = "file" | "directory" | "symlink" | "char" | "block" | "fifo" | "socket";

export interface Stat {
  readonly kind: NodeKind;
  /** Permissions with set-id and sticky bits (0 to 07777). */
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly size: number;
  readonly mtime: Timespec;
  /** Of the last change of content or attributes; no program can set it. */
  readonly ctime: Timespec;
  readonly ino: bigint;
  /** "major:minor" of the file system, as mountinfo writes it. */
  readonly dev: string;
  readonly nlink: number;
  /** Of a device node: what it stands for. */
  readonly rdevMajor: number;
  readonly rdevMinor: number;
  /** Allocated space in units of 512 bytes. */
  readonly blocks: number;
}

export interface FileSystemStat {
  /** Magic number of the file system, as in statfs(2). */
  readonly type: number;
  readonly blockSize: number;
  /** Size in blocks. */
  readonly blocks: number;
  /** Bytes that an unprivileged user may still write. */
  readonly available: number;
  /** Inodes; 0 where the file system makes them as it needs them. */
  readonly inodes: number;
  readonly freeInodes: number;
  readonly readOnly: boolean;
}

/** lstat of `name` below `dirfd`, or -errno. */
export function tryStatat(dirfd: number, name: Buffer): Stat | number {
  const path = first(name);
  if (path === null) return -ENAMETOOLONG;
  const result = orErrno(native().statx(dirfd, path, AT_SYMLINK_NOFOLLOW, STATX_BASIC_STATS, BUFFER));
  return result < 0 ? result : decode(BUFFER);
}

/** stat of an open file, of a symlink too if it was opened with O_PATH. Throws `systemError`. */
export function fstat(fd: number): Stat {
  const result = orErrno(native().statx(fd, EMPTY, AT_EMPTY_PATH, STATX_BASIC_STATS, BUFFER));
  check(result, "read the attributes of", `descriptor ${fd}`);
  return decode(BUFFER);
}

/** The file system that an open file lies on. Throws `systemError`. */
export function statfs(fd: number): FileSystemStat {
  check(orErrno(native().fstatfs(fd, FS_BUFFER)), "read the file system of", `descriptor ${fd}`);
  const view = FS_BUFFER;
  const blockSize = Number(view.readBigUInt64LE(8));
  return {
    type: view.readUInt32LE(0),
    blockSize,
    blocks: Number(view.readBigUInt64LE(16)),
    available: Number(view.readBigUInt64LE(32)) * blockSize,
    inodes: Number(view.readBigUInt64LE(40)),
    freeInodes: Number(view.readBigUInt64LE(48)),
    readOnly: (view.readUInt32LE(80) & ST_RDONLY) !== 0,
  };
}

const STATX_BASIC_STATS = 0x7ff;
const ST_RDONLY = 1;
const EMPTY = Buffer.alloc(1);
/** struct statx, 256 bytes; its layout is the same on every processor. */
const BUFFER = Buffer.alloc(256);
/** struct statfs of the 64-bit processors, 120 bytes: type, bsize, blocks, bfree, bavail, files, ffree, ..., flags at 80. */
const FS_BUFFER = Buffer.alloc(128);

const KINDS: ReadonlyMap<number, NodeKind> = new Map<number, NodeKind>([
  [S_IFDIR, "directory"],
  [S_IFLNK, "symlink"],
  [S_IFCHR, "char"],
  [S_IFBLK, "block"],
  [S_IFIFO, "fifo"],
  [S_IFSOCK, "socket"],
]);

function decode(view: Buffer): Stat {
  const mode = view.readUInt16LE(28);
  return {
    kind: KINDS.get(mode & S_IFMT) ?? "file",
    mode: mode & 0o7777,
    uid: view.readUInt32LE(20),
    gid: view.readUInt32LE(24),
    size: readUInt64(view, 40),
    mtime: readTime(view, 112),
    ctime: readTime(view, 96),
    ino: view.readBigUInt64LE(32),
    dev: `${view.readUInt32LE(136)}:${view.readUInt32LE(140)}`,
    nlink: view.readUInt32LE(16),
    rdevMajor: view.readUInt32LE(128),
    rdevMinor: view.readUInt32LE(132),
    blocks: readUInt64(view, 48),
  };
}

/** struct statx_timestamp: signed seconds, nanoseconds. */
function readTime(view: Buffer, offset: number): Timespec {
  const seconds = view.readUInt32LE(offset) + view.readInt32LE(offset + 4) * 2 ** 32;
  return { seconds, nanoseconds: view.readUInt32LE(offset + 8) };
}

/** Exact up to 2^53, which is past the size of any file. */
function readUInt64(view: Buffer, offset: number): number {
  return view.readUInt32LE(offset) + view.readUInt32LE(offset + 4) * 2 ** 32;
}
