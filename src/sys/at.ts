import type { Timespec } from "../core/timespec.ts";
import { ENAMETOOLONG, systemError } from "./errno.ts";
import {
  AT_EMPTY_PATH,
  AT_FDCWD,
  AT_SYMLINK_FOLLOW,
  AT_SYMLINK_NOFOLLOW,
  O_CLOEXEC,
  O_DIRECTORY,
  O_RDONLY,
} from "./flags.ts";
import { first, MAX_PATH, second, terminated } from "./name.ts";
import { native } from "./native.ts";

/*
 * Calls relative to an open directory. `name` is a relative path in bytes, without NUL (INVALID_LAYER on a NUL in it);
 * its last component is never followed if it is a symlink, unless a flag says so. Calls named `try…` are those that
 * are expected to fail at times: they return a result >= 0 or the negative error number. The others throw.
 */

const SYS_OPENAT2 = 437;

/** openat(2), close-on-exec. Returns a descriptor or -errno. */
export function tryOpenat(dirfd: number, name: Buffer, flags: number, mode = 0): number {
  const path = first(name);
  return path === null ? -ENAMETOOLONG : orErrno(native().openat(dirfd, path, flags | O_CLOEXEC, mode));
}

/**
 * openat2(2), close-on-exec: `resolve` is made of RESOLVE_* flags, and RESOLVE_IN_ROOT takes `dirfd` for `/`. `mode`
 * must be 0 without O_CREAT. Returns a descriptor or -errno.
 */
export function tryOpenat2(dirfd: number, path: Buffer, flags: number, mode: number, resolve: number): number {
  const name = first(path);
  if (name === null) return -ENAMETOOLONG;
  const openFlags = flags | O_CLOEXEC;
  HOW_WORDS[0] = openFlags;
  HOW_WORDS[2] = mode;
  HOW_WORDS[4] = resolve;
  return orErrno(native().syscallOpenat2(SYS_OPENAT2, dirfd, name, HOW_WORDS, HOW_WORDS.byteLength));
}

/** Opens an absolute path, close-on-exec, or throws `systemError`. */
export function openPath(path: string, flags: number, mode = 0): number {
  return check(tryOpenat(AT_FDCWD, Buffer.from(path), flags, mode), "open", path);
}

/** Opens a directory by its absolute path. The caller closes it. */
export function openDirectory(path: string): number {
  return openPath(path, O_RDONLY | O_DIRECTORY);
}

export function tryMkdirat(dirfd: number, name: Buffer, mode: number): number {
  const path = first(name);
  return path === null ? -ENAMETOOLONG : orErrno(native().mkdirat(dirfd, path, mode));
}

/** `mode` has the file type (S_IFCHR, S_IFBLK, S_IFIFO, ...) and the permissions. */
export function tryMknodat(dirfd: number, name: Buffer, mode: number, major: number, minor: number): number {
  const path = first(name);
  return path === null ? -ENAMETOOLONG : orErrno(native().mknodat(dirfd, path, mode, deviceNumber(major, minor)));
}

export function trySymlinkat(target: Buffer, dirfd: number, name: Buffer): number {
  const [content, path] = [first(target), second(name)];
  return content === null || path === null ? -ENAMETOOLONG : orErrno(native().symlinkat(content, dirfd, path));
}

/** A hard link; a symlink is linked itself. */
export function tryLinkat(olddirfd: number, oldname: Buffer, newdirfd: number, newname: Buffer): number {
  const [from, to] = [first(oldname), second(newname)];
  return from === null || to === null ? -ENAMETOOLONG : orErrno(native().linkat(olddirfd, from, newdirfd, to, 0));
}

/** Gives a name to an open file, also to one that has none (O_TMPFILE). */
export function tryLinkDescriptor(fd: number, newdirfd: number, newname: Buffer): number {
  const [from, to] = [first(Buffer.from(`/proc/self/fd/${fd}`)), second(newname)];
  if (from === null || to === null) return -ENAMETOOLONG;
  return orErrno(native().linkat(AT_FDCWD, from, newdirfd, to, AT_SYMLINK_FOLLOW));
}

/** `flags`: 0, or AT_REMOVEDIR for an empty directory. */
export function tryUnlinkat(dirfd: number, name: Buffer, flags = 0): number {
  const path = first(name);
  return path === null ? -ENAMETOOLONG : orErrno(native().unlinkat(dirfd, path, flags));
}

/** `flags`: RENAME_NOREPLACE, RENAME_EXCHANGE, RENAME_WHITEOUT. */
export function tryRenameat2(
  olddirfd: number,
  oldname: Buffer,
  newdirfd: number,
  newname: Buffer,
  flags: number,
): number {
  const [from, to] = [first(oldname), second(newname)];
  if (from === null || to === null) return -ENAMETOOLONG;
  return orErrno(native().renameat2(olddirfd, from, newdirfd, to, flags));
}

/** Sets the owner, of a symlink too. An empty name means `dirfd` itself. */
export function fchownat(dirfd: number, name: Buffer, uid: number, gid: number): void {
  const flags = AT_SYMLINK_NOFOLLOW | (name.length === 0 ? AT_EMPTY_PATH : 0);
  const path = first(name);
  const result = path === null ? -ENAMETOOLONG : orErrno(native().fchownat(dirfd, path, uid, gid, flags));
  check(result, "change the owner of", name);
}

export function fchmod(fd: number, mode: number): void {
  check(orErrno(native().fchmod(fd, mode)), "change the mode of", `descriptor ${fd}`);
}

/**
 * Sets the mode of anything but a symlink, without opening it (a device or fifo must not be opened).
 * The caller knows that `name` is no symlink: the kernel would follow it.
 */
export function fchmodat(dirfd: number, name: Buffer, mode: number): void {
  const path = terminated(Buffer.concat([Buffer.from(`/proc/self/fd/${dirfd}/`), name]));
  check(path.length > MAX_PATH ? -ENAMETOOLONG : orErrno(native().chmod(path, mode)), "change the mode of", name);
}

/** Sets the modification time, of a symlink too, and the access time to the same. */
export function utimensat(dirfd: number, name: Buffer, mtime: Timespec): void {
  const path = first(name);
  fillTimes(mtime);
  const result = path === null ? -ENAMETOOLONG : native().utimensat(dirfd, path, TIMES, AT_SYMLINK_NOFOLLOW);
  check(result === -1 ? -native().errno() : result, "set the time of", name);
}

/** Sets the modification and access time of an open file. */
export function futimens(fd: number, mtime: Timespec): void {
  fillTimes(mtime);
  check(orErrno(native().futimens(fd, TIMES)), "set the time of", `descriptor ${fd}`);
}

/** What a symlink points to; an empty name means the symlink that `dirfd` was opened on with O_PATH. */
export function readlinkat(dirfd: number, name: Buffer): Buffer {
  const path = first(name);
  const size = path === null ? -ENAMETOOLONG : orErrno(native().readlinkat(dirfd, path, LINK, LINK.length));
  return Buffer.from(LINK.subarray(0, check(size, "read the link", name)));
}

/** Sets the umask, which belongs to the whole process unless `unshareFileSystem` gave the thread its own. Returns the old one. */
export function umask(mask: number): number {
  return native().umask(mask);
}

/** The result of a C function, with -1 replaced by the negative error number. */
export function orErrno(result: number): number {
  return result < 0 ? -native().errno() : result;
}

/** `result` if it is no error, otherwise throws `systemError`. */
export function check(result: number, action: string, object: string | Buffer): number {
  if (result < 0) throw systemError(result, action, object);
  return result;
}

/** struct open_how: three 64-bit words, whose high halves stay 0. */
const HOW_WORDS = new Uint32Array(6);
/** struct timespec[2]: access time, modification time. */
const TIMES = new Int32Array(8);
const LINK = Buffer.alloc(MAX_PATH + 1);

function fillTimes(time: Timespec): void {
  const high = Math.floor(time.seconds / 2 ** 32);
  // Storing into an Int32Array keeps the low 32 bits, of negative numbers too.
  TIMES[0] = TIMES[4] = time.seconds;
  TIMES[1] = TIMES[5] = high;
  TIMES[2] = TIMES[6] = time.nanoseconds;
}

/** makedev(3). */
function deviceNumber(major: number, minor: number): number | bigint {
  if (major < 0x1000 && minor < 0x100) return (major << 8) | minor;
  const [high, low] = [BigInt(major), BigInt(minor)];
  return ((high & 0xfffff000n) << 32n) | ((high & 0xfffn) << 8n) | ((low & 0xffffff00n) << 12n) | (low & 0xffn);
}
