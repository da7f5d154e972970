import { createRequire } from "node:module";
import { promisify } from "node:util";
import { LayerfsError } from "../core/errors.ts";
import { trustedCalls } from "./trusted-errno.ts";

/** Memory that the kernel reads or writes; it must stay referenced until the call returns. */
export type Memory = NodeJS.ArrayBufferView | null;

/**
 * Functions of the C library, with C's own conventions: -1 and `errno()` on failure, names NUL-terminated.
 *
 * A name is always a Buffer: a JavaScript string with a NUL in it would be cut silently, and one that is not UTF-8
 * would change on its way.
 */
export interface Native {
  /** Number of the last error on this thread; only meaningful right after a call that returned -1. */
  errno(): number;
  openat(dirfd: number, path: Memory, flags: number, mode: number): number;
  close(fd: number): number;
  mkdirat(dirfd: number, path: Memory, mode: number): number;
  mknodat(dirfd: number, path: Memory, mode: number, dev: number | bigint): number;
  symlinkat(target: Memory, dirfd: number, path: Memory): number;
  linkat(olddirfd: number, oldpath: Memory, newdirfd: number, newpath: Memory, flags: number): number;
  unlinkat(dirfd: number, path: Memory, flags: number): number;
  renameat2(olddirfd: number, oldpath: Memory, newdirfd: number, newpath: Memory, flags: number): number;
  fchownat(dirfd: number, path: Memory, uid: number, gid: number, flags: number): number;
  fchmod(fd: number, mode: number): number;
  chmod(path: Memory, mode: number): number;
  utimensat(dirfd: number, path: Memory, times: Memory, flags: number): number;
  futimens(fd: number, times: Memory): number;
  readlinkat(dirfd: number, path: Memory, buffer: Memory, size: number): number;
  pwrite(fd: number, bytes: Memory, count: number, offset: number): number;
  write(fd: number, bytes: Memory, count: number): number;
  pread(fd: number, bytes: Memory, count: number, offset: number): number;
  read(fd: number, bytes: Memory, count: number): number;
  lseek(fd: number, offset: number, whence: number): number;
  fsync(fd: number): number;
  syncfs(fd: number): number;
  /** syncfs(2) on a thread of Node's pool; errno() does not tell why it failed. */
  syncfsAsync(fd: number): Promise<number>;
  ftruncate(fd: number, length: number): number;
  copy_file_range(infd: number, inoff: Memory, outfd: number, outoff: Memory, count: number, flags: number): number;
  fstatfs(fd: number, buffer: Memory): number;
  statx(dirfd: number, path: Memory, flags: number, mask: number, buffer: Memory): number;
  umask(mask: number): number;
  flock(fd: number, operation: number): number;
  unshare(flags: number): number;
  lsetxattr(path: Memory, name: Memory, value: Memory, size: number, flags: number): number;
  lgetxattr(path: Memory, name: Memory, value: Memory, size: number): number;
  llistxattr(path: Memory, list: Memory, size: number): number;
  lremovexattr(path: Memory, name: Memory): number;
  fsetxattr(fd: number, name: Memory, value: Memory, size: number, flags: number): number;
  fgetxattr(fd: number, name: Memory, value: Memory, size: number): number;
  flistxattr(fd: number, list: Memory, size: number): number;
  mount(source: Memory, target: Memory, type: Memory, flags: number, data: Memory): number;
  umount2(target: Memory, flags: number): number;
  // System calls without a function in every C library. The first argument is the call's number.
  syscallOpenat2(nr: number, dirfd: number, path: Memory, how: Memory, size: number): number;
  syscallGetdents(nr: number, fd: number, buffer: Memory, size: number): number;
  syscallFsopen(nr: number, type: Memory, flags: number): number;
  syscallFsconfig(nr: number, fd: number, command: number, key: Memory, value: Memory, aux: number): number;
  syscallFsmount(nr: number, fd: number, flags: number, attributes: number): number;
  syscallOpenTree(nr: number, dirfd: number, path: Memory, flags: number): number;
  syscallMoveMount(nr: number, from: number, fromPath: Memory, to: number, toPath: Memory, flags: number): number;
  syscallMountSetattr(nr: number, fd: number, path: Memory, flags: number, attr: Memory, size: number): number;
}

const SIGNATURES: Readonly<Record<Exclude<keyof Native, "errno" | "syncfsAsync">, string>> = {
  openat: "int openat(int, const void *, int, unsigned int)",
  close: "int close(int)",
  mkdirat: "int mkdirat(int, const void *, unsigned int)",
  mknodat: "int mknodat(int, const void *, unsigned int, uint64_t)",
  symlinkat: "int symlinkat(const void *, int, const void *)",
  linkat: "int linkat(int, const void *, int, const void *, int)",
  unlinkat: "int unlinkat(int, const void *, int)",
  renameat2: "int renameat2(int, const void *, int, const void *, unsigned int)",
  fchownat: "int fchownat(int, const void *, unsigned int, unsigned int, int)",
  fchmod: "int fchmod(int, unsigned int)",
  chmod: "int chmod(const void *, unsigned int)",
  utimensat: "int utimensat(int, const void *, const void *, int)",
  futimens: "int futimens(int, const void *)",
  readlinkat: "long readlinkat(int, const void *, void *, size_t)",
  pwrite: "long pwrite(int, const void *, size_t, int64_t)",
  write: "long write(int, const void *, size_t)",
  read: "long read(int, void *, size_t)",
  pread: "long pread(int, void *, size_t, int64_t)",
  lseek: "int64_t lseek(int, int64_t, int)",
  fsync: "int fsync(int)",
  syncfs: "int syncfs(int)",
  ftruncate: "int ftruncate(int, int64_t)",
  copy_file_range: "long copy_file_range(int, void *, int, void *, size_t, unsigned int)",
  fstatfs: "int fstatfs(int, void *)",
  statx: "int statx(int, const void *, int, unsigned int, void *)",
  umask: "unsigned int umask(unsigned int)",
  flock: "int flock(int, int)",
  unshare: "int unshare(int)",
  lsetxattr: "int lsetxattr(const void *, const void *, const void *, size_t, int)",
  lgetxattr: "long lgetxattr(const void *, const void *, void *, size_t)",
  llistxattr: "long llistxattr(const void *, void *, size_t)",
  lremovexattr: "int lremovexattr(const void *, const void *)",
  fsetxattr: "int fsetxattr(int, const void *, const void *, size_t, int)",
  fgetxattr: "long fgetxattr(int, const void *, void *, size_t)",
  flistxattr: "long flistxattr(int, void *, size_t)",
  mount: "int mount(const void *, const void *, const void *, unsigned long, const void *)",
  umount2: "int umount2(const void *, int)",
  syscallOpenat2: "long syscall(long, int, const void *, const void *, size_t)",
  syscallGetdents: "long syscall(long, int, void *, size_t)",
  syscallFsopen: "long syscall(long, const void *, unsigned int)",
  syscallFsconfig: "long syscall(long, int, unsigned int, const void *, const void *, int)",
  syscallFsmount: "long syscall(long, int, unsigned int, unsigned int)",
  syscallOpenTree: "long syscall(long, int, const void *, unsigned int)",
  syscallMoveMount: "long syscall(long, int, const void *, int, const void *, unsigned int)",
  syscallMountSetattr: "long syscall(long, int, const void *, unsigned int, const void *, size_t)",
};

/** Calls that may have changed something when they fail, or that tell of an error only once. */
const NOT_REPEATABLE: ReadonlySet<string> = new Set([
  "close",
  "write",
  "pwrite",
  "copy_file_range",
  "fsync",
  "syncfs",
  "unshare",
  "mount",
  "umount2",
  "syscallFsopen",
  "syscallFsconfig",
  "syscallFsmount",
  "syscallOpenTree",
  "syscallMoveMount",
  "syscallMountSetattr",
] satisfies (keyof Native)[]);

let bound: Native | undefined;

/**
 * The C library of this process, loaded at the first call (about 15 ms), so that commands without a native call do not
 * pay for it. Fails with UNSUPPORTED where koffi has no build for the platform.
 */
export function native(): Native {
  bound ??= bind();
  return bound;
}

function bind(): Native {
  if (process.arch !== "x64" && process.arch !== "arm64") {
    throw new LayerfsError("UNSUPPORTED", `processor ${process.arch}: expected x64 or arm64`);
  }
  const koffi = loadKoffi();
  // null is the running program itself, whose dynamic linker has already found the C library, whatever its name.
  const library = koffi.load(null);
  const calls = trustedCalls(koffi.errno as () => number);
  const functions = Object.fromEntries(
    Object.entries(SIGNATURES).map(([name, signature]) => [
      name,
      calls.wrap(library.func(signature), !NOT_REPEATABLE.has(name)),
    ]),
  );
  return { ...functions, errno: calls.errno, syncfsAsync: promisify(library.func(SIGNATURES.syncfs).async) } as Native;
}

export function loadKoffi(): typeof import("koffi") {
  try {
    return createRequire(import.meta.url)("koffi");
  } catch (cause) {
    throw new LayerfsError("UNSUPPORTED", `cannot load koffi for ${process.platform}-${process.arch}`, {
      hint: "install with optional dependencies: they hold koffi's native part",
      cause,
    });
  }
}
