import { readFileSync } from "node:fs";
import { check, orErrno } from "./at.ts";
import { ENAMETOOLONG, ENODATA, EOPNOTSUPP, ERANGE } from "./errno.ts";
import { MAX_PATH, terminated } from "./name.ts";
import { native } from "./native.ts";

/*
 * Extended attributes. Names are text, values bytes. Of `dirfd` + `name` a symlink in the last place is not followed
 * and nothing is opened, so devices and fifos are safe; it goes through /proc/self/fd. The forms with `fd` alone need
 * a descriptor that was not opened with O_PATH.
 *
 * A file system without extended attributes has none to list or get; setting one there fails.
 */

export function listXattrs(dirfd: number, name: Buffer): string[] {
  const path = pathOf(dirfd, name);
  return splitNames(readAll((buffer) => native().llistxattr(path, buffer, buffer.length), name));
}

/** The value, or null if there is no such attribute. */
export function getXattr(dirfd: number, name: Buffer, attribute: string): Buffer | null {
  const [path, key] = [pathOf(dirfd, name), terminated(attribute)];
  return readAll((buffer) => native().lgetxattr(path, key, buffer, buffer.length), name);
}

/**
 * Whether this process is shown `trusted.` attributes: without the capability CAP_SYS_ADMIN they are as if there were
 * none. In a user namespace nobody is shown them, and overlayfs keeps its marks in `user.` ones.
 */
export function seesTrustedXattrs(): boolean {
  const [, effective = "0"] = /^CapEff:\s*([0-9a-f]+)$/m.exec(readFileSync("/proc/self/status", "utf8")) ?? [];
  return (BigInt(`0x${effective}`) & CAP_SYS_ADMIN) !== 0n;
}

const CAP_SYS_ADMIN = 1n << 21n;

/** Whether the file system at `name` can have the attribute at all. */
export function takesXattr(dirfd: number, name: Buffer, attribute: string): boolean {
  const [path, key] = [pathOf(dirfd, name), terminated(attribute)];
  return orErrno(native().lgetxattr(path, key, SMALL, SMALL.length)) !== -EOPNOTSUPP;
}

export function setXattr(dirfd: number, name: Buffer, attribute: string, value: Uint8Array): void {
  check(trySetXattr(dirfd, name, attribute, value), `set ${attribute} on`, name);
}

/** 0 or -errno. */
export function trySetXattr(dirfd: number, name: Buffer, attribute: string, value: Uint8Array, flags = 0): number {
  const path = pathOf(dirfd, name);
  if (path.length > MAX_PATH + 1) return -ENAMETOOLONG;
  return orErrno(native().lsetxattr(path, terminated(attribute), value, value.length, flags));
}

/** Removing an absent attribute succeeds. */
export function removeXattr(dirfd: number, name: Buffer, attribute: string): void {
  const result = orErrno(native().lremovexattr(pathOf(dirfd, name), terminated(attribute)));
  if (result !== -ENODATA) check(result, `remove ${attribute} from`, name);
}

export function listXattrsOf(fd: number): string[] {
  return splitNames(readAll((buffer) => native().flistxattr(fd, buffer, buffer.length), `descriptor ${fd}`));
}

/** The value, or null if there is no such attribute. */
export function getXattrOf(fd: number, attribute: string): Buffer | null {
  const key = terminated(attribute);
  return readAll((buffer) => native().fgetxattr(fd, key, buffer, buffer.length), `descriptor ${fd}`);
}

export function setXattrOf(fd: number, attribute: string, value: Uint8Array): void {
  check(trySetXattrOf(fd, attribute, value), `set ${attribute} on`, `descriptor ${fd}`);
}

/** 0 or -errno. */
export function trySetXattrOf(fd: number, attribute: string, value: Uint8Array, flags = 0): number {
  return orErrno(native().fsetxattr(fd, terminated(attribute), value, value.length, flags));
}

/** Largest list or value that Linux allows (XATTR_LIST_MAX, XATTR_SIZE_MAX). */
const LARGEST = 65536;
const SMALL = Buffer.alloc(1024);

function pathOf(dirfd: number, name: Buffer): Buffer {
  return terminated(Buffer.concat([Buffer.from(`/proc/self/fd/${dirfd}/`), name]));
}

/** Null: no such attribute, or a file system without any. */
function readAll(read: (buffer: Buffer) => number, object: string | Buffer): Buffer | null {
  let buffer = SMALL;
  let size = orErrno(read(buffer));
  if (size === -ERANGE) {
    buffer = Buffer.alloc(LARGEST);
    size = orErrno(read(buffer));
  }
  if (size === -ENODATA || size === -EOPNOTSUPP) return null;
  return Buffer.from(buffer.subarray(0, check(size, "read the extended attributes of", object)));
}

function splitNames(list: Buffer | null): string[] {
  return list === null || list.length === 0 ? [] : list.toString("utf8", 0, list.length - 1).split("\0");
}
