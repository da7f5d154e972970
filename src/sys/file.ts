import { check, orErrno } from "./at.ts";
import { EINTR, EINVAL, ENOSYS, EOPNOTSUPP, EXDEV } from "./errno.ts";
import { native } from "./native.ts";

/* Reading and writing open files. All calls are synchronous and throw `systemError`. */

/** Writes all of `bytes` at `position`, which may be beyond the end. */
export function pwrite(fd: number, bytes: Uint8Array, position: number): void {
  for (let done = 0; done < bytes.length; ) {
    const rest = done === 0 ? bytes : bytes.subarray(done);
    done += retried(() => native().pwrite(fd, rest, rest.length, position + done), "write to", fd);
  }
}

/** Writes all of `bytes` at the file's own position. */
export function write(fd: number, bytes: Uint8Array): void {
  for (let done = 0; done < bytes.length; ) {
    const rest = done === 0 ? bytes : bytes.subarray(done);
    done += retried(() => native().write(fd, rest, rest.length), "write to", fd);
  }
}

/** Fills `bytes` from `position` on. Returns how many were read: fewer only at the end of the file. */
export function pread(fd: number, bytes: Uint8Array, position: number): number {
  let done = 0;
  while (done < bytes.length) {
    const rest = done === 0 ? bytes : bytes.subarray(done);
    const count = retried(() => native().pread(fd, rest, rest.length, position + done), "read", fd);
    if (count === 0) break;
    done += count;
  }
  return done;
}

/** Reads up to the length of `bytes` from `position` on, in one call: fewer may be had before the end, 0 only there. */
export function preadSome(fd: number, bytes: Uint8Array, position: number): number {
  return retried(() => native().pread(fd, bytes, bytes.length, position), "read", fd);
}

export function close(fd: number): void {
  check(orErrno(native().close(fd)), "close", `descriptor ${fd}`);
}

export function fsync(fd: number): void {
  check(orErrno(native().fsync(fd)), "sync", `descriptor ${fd}`);
}

/** Makes everything that was written to the file system of `fd` durable. */
export function syncfs(fd: number): void {
  check(orErrno(native().syncfs(fd)), "sync the file system of", `descriptor ${fd}`);
}

/** As `syncfs`, without blocking the thread, which it can for seconds. */
export async function syncfsAsync(fd: number): Promise<void> {
  // The reason of a failure is known only to the thread it happened on, so a failed call is repeated on this one.
  if ((await native().syncfsAsync(fd)) < 0) syncfs(fd);
}

export function ftruncate(fd: number, length: number): void {
  check(orErrno(native().ftruncate(fd, length)), "set the length of", `descriptor ${fd}`);
}

/**
 * Copies up to `length` bytes between two files at the same offset, inside the kernel. Returns how many were copied (0
 * at the end of the source), or null where these two files do not allow it and the caller has to read and write.
 */
export function copyFileRange(source: number, target: number, offset: number, length: number): number | null {
  const [from, to] = [BigInt64Array.of(BigInt(offset)), BigInt64Array.of(BigInt(offset))];
  const count = orErrno(native().copy_file_range(source, from, target, to, length, 0));
  if (count === -EXDEV || count === -ENOSYS || count === -EOPNOTSUPP || count === -EINVAL) return null;
  return check(count, "copy to", `descriptor ${target}`);
}

/** Offset of the first byte of data (or of a hole) at or after `offset`, or -errno; ENXIO at the end. */
export function trySeek(fd: number, offset: number, what: "data" | "hole"): number {
  return orErrno(native().lseek(fd, offset, what === "data" ? SEEK_DATA : SEEK_HOLE));
}

const SEEK_DATA = 3;
const SEEK_HOLE = 4;

function retried(call: () => number, action: string, fd: number): number {
  for (;;) {
    const result = orErrno(call());
    if (result !== -EINTR) return check(result, action, `descriptor ${fd}`);
  }
}
