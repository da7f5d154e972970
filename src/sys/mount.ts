import { orErrno } from "./at.ts";
import { close } from "./file.ts";
import { AT_EMPTY_PATH, AT_FDCWD, AT_RECURSIVE, O_CLOEXEC } from "./flags.ts";
import { terminated } from "./name.ts";
import { native } from "./native.ts";

/* Mounting. All calls return a descriptor or 0, or -errno. */

/** mount(2) cuts its options silently past this many bytes, so no caller may pass more. */
export const MAX_MOUNT_DATA = 4095;

/** mount(2). `data` must not be longer than MAX_MOUNT_DATA bytes: RangeError, for the kernel would cut it silently. */
export function tryMount(source: string, target: string, type: string, flags: number, data: string): number {
  const options = terminated(data);
  if (options.length > MAX_MOUNT_DATA + 1) throw new RangeError(`mount options of ${options.length - 1} bytes`);
  return orErrno(native().mount(terminated(source), terminated(target), terminated(type), flags, options));
}

/** umount2(2). */
export function tryUnmount(target: string, flags: number): number {
  return orErrno(native().umount2(terminated(target), flags));
}

/** A file system being configured by the mount API of Linux 5.2 (fsopen(2)). */
export interface FileSystemContext extends Disposable {
  setFlag(key: string): number;
  /** The kernel takes at most 255 bytes. */
  setString(key: string, value: string): number;
  setDescriptor(key: string, fd: number): number;
  /** Makes the file system, from what was set. */
  create(): number;
  /** A mount of it that is attached nowhere yet; readable below /proc/self/fd. */
  mount(attributes: number): number;
  /** What the kernel has to say about the last failure, e.g. "overlay: too many lower directories"; often empty. */
  message(): string;
}

/** -errno: ENOSYS before Linux 5.2, ENODEV without the file system, EPERM without CAP_SYS_ADMIN. */
export function tryFsopen(type: string): FileSystemContext | number {
  const fd = orErrno(native().syscallFsopen(SYS_FSOPEN, terminated(type), FSOPEN_CLOEXEC));
  return fd < 0 ? fd : contextOf(fd);
}

/** A copy of the mount (and, if recursive, of those below it) at `path`, attached nowhere yet. */
export function tryCloneMount(path: string, recursive: boolean): number {
  const flags = OPEN_TREE_CLONE | O_CLOEXEC | (recursive ? AT_RECURSIVE : 0);
  return orErrno(native().syscallOpenTree(SYS_OPEN_TREE, AT_FDCWD, terminated(path), flags));
}

/** Attaches what `mount`, `tryCloneMount` gave at `target`. */
export function tryAttach(mountFd: number, target: string): number {
  const call = native().syscallMoveMount;
  return orErrno(call(SYS_MOVE_MOUNT, mountFd, EMPTY, AT_FDCWD, terminated(target), MOVE_MOUNT_F_EMPTY_PATH));
}

/** Sets MOUNT_ATTR_* on a mount (Linux 5.12). */
export function trySetAttributes(mountFd: number, attributes: number): number {
  const struct = new BigUint64Array(4);
  struct[0] = BigInt(attributes);
  const call = native().syscallMountSetattr;
  return orErrno(call(SYS_MOUNT_SETATTR, mountFd, EMPTY, AT_EMPTY_PATH, struct, struct.byteLength));
}

export const MOUNT_ATTR_RDONLY = 1;

// Numbers of these calls are equal on all processors.
const SYS_OPEN_TREE = 428;
const SYS_MOVE_MOUNT = 429;
const SYS_FSOPEN = 430;
const SYS_FSCONFIG = 431;
const SYS_FSMOUNT = 432;
const SYS_MOUNT_SETATTR = 442;

const FSOPEN_CLOEXEC = 1;
const FSMOUNT_CLOEXEC = 1;
const FSCONFIG_SET_FLAG = 0;
const FSCONFIG_SET_STRING = 1;
const FSCONFIG_SET_FD = 5;
const FSCONFIG_CMD_CREATE = 6;
const OPEN_TREE_CLONE = 1;
const MOVE_MOUNT_F_EMPTY_PATH = 4;
const EMPTY = Buffer.alloc(1);

function contextOf(fd: number): FileSystemContext {
  const configure = (command: number, key: string | null, value: string | null, aux = 0): number => {
    const [name, text] = [key, value].map((part) => (part === null ? null : terminated(part)));
    return orErrno(native().syscallFsconfig(SYS_FSCONFIG, fd, command, name ?? null, text ?? null, aux));
  };
  return {
    setFlag: (key) => configure(FSCONFIG_SET_FLAG, key, null),
    setString: (key, value) => configure(FSCONFIG_SET_STRING, key, value),
    setDescriptor: (key, value) => configure(FSCONFIG_SET_FD, key, null, value),
    create: () => configure(FSCONFIG_CMD_CREATE, null, null),
    mount: (attributes) => orErrno(native().syscallFsmount(SYS_FSMOUNT, fd, FSMOUNT_CLOEXEC, attributes)),
    message: () => readMessages(fd),
    [Symbol.dispose]: () => close(fd),
  };
}

/** Each read gives one message: a letter for its level, a space, the text. */
function readMessages(fd: number): string {
  const buffer = Buffer.alloc(1024);
  const messages: string[] = [];
  for (;;) {
    const size = native().read(fd, buffer, buffer.length);
    if (size <= 0) return messages.join("; ");
    messages.push(
      buffer
        .toString("utf8", 0, size)
        .replace(/^[ewi] /, "")
        .trimEnd(),
    );
  }
}
