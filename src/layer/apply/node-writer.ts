import { LayerfsError, printable } from "../../core/errors.ts";
import type { Timespec } from "../../core/timespec.ts";
import {
  fchmod,
  fchmodat,
  fchownat,
  futimens,
  tryMkdirat,
  tryMknodat,
  tryOpenat,
  trySymlinkat,
  utimensat,
} from "../../sys/at.ts";
import { EACCES, EEXIST, EOPNOTSUPP, EPERM, systemError } from "../../sys/errno.ts";
import { close, ftruncate, pwrite } from "../../sys/file.ts";
import {
  O_CREAT,
  O_EXCL,
  O_NOFOLLOW,
  O_RDWR,
  O_TMPFILE,
  O_WRONLY,
  S_IFBLK,
  S_IFCHR,
  S_IFIFO,
} from "../../sys/flags.ts";
import { tryStatat } from "../../sys/stat.ts";
import { listXattrs, removeXattr, trySetXattr, trySetXattrOf } from "../../sys/xattr.ts";
import type { TarEntry } from "../../tar/entry.ts";
import { allowsXattr, isOverlayXattr } from "../../union/xattrs.ts";
import type { OpenDirectory } from "./disk-tree.ts";
import type { Warnings } from "./warnings.ts";

interface OpenFile {
  readonly fd: number;
  readonly entry: TarEntry;
  readonly inheritsGroup: boolean;
  /** It has no name; whoever asked for it closes it. */
  readonly unnamed: boolean;
  written: number;
}

export interface NodeWriterOptions {
  /**
   * The caller may not change owners (no root): owners are left as they come, device nodes and attributes that need
   * privilege are left out, each with a warning. Without it these are errors.
   */
  readonly ignoreOwners: boolean;
  readonly warnings: Warnings;
}

const HERE = Buffer.from(".");
const ZEROS = Buffer.alloc(64 * 1024);
/** Shorter runs of zeros take no less space as a hole. */
const LEAST_HOLE = 4096;
/** Stands for the descriptor itself in calls that take a name below it. */
const SELF = Buffer.alloc(0);

/** Makes the nodes of one layer with all their attributes. One file is open at a time. */
export class NodeWriter {
  readonly #options: NodeWriterOptions;
  readonly #uid = process.geteuid?.() ?? 0;
  readonly #gid = process.getegid?.() ?? 0;
  readonly #umask = process.umask();
  #file: OpenFile | null = null;

  constructor(options: NodeWriterOptions) {
    this.#options = options;
  }

  /** Makes a node that is no directory. Returns false, having made nothing, where `name` is taken. */
  create(at: OpenDirectory, name: Buffer, entry: TarEntry): boolean {
    if (entry.kind === "file") return this.#openFile(at, name, entry);
    const made = this.#make(at.fd, name, entry);
    if (made === -EEXIST) return false;
    if (made < 0) {
      if (made === -EPERM && this.#options.ignoreOwners && (entry.kind === "char" || entry.kind === "block")) {
        this.#options.warnings.add("a device node was left out (not permitted)", printable(entry.name));
        return true;
      }
      throw refused(made, `create ${entry.kind}`, entry.name);
    }
    this.#own(at.fd, name, entry);
    if (entry.kind !== "symlink") fchmodat(at.fd, name, entry.mode & 0o7777);
    this.#setXattrs(entry, (key, value) => trySetXattr(at.fd, name, key, value));
    utimensat(at.fd, name, entry.mtime);
    return true;
  }

  /** A file without a name. The caller closes it, also after a failure. Null where the file system has no such files. */
  createUnnamed(at: OpenDirectory, entry: TarEntry): number | null {
    const fd = tryOpenat(at.fd, HERE, O_TMPFILE | O_RDWR, 0o600);
    if (fd === -EOPNOTSUPP) return null;
    if (fd < 0) throw systemError(fd, "create an unnamed file for", entry.name);
    this.#file = { fd, entry, inheritsGroup: at.setgid, unnamed: true, written: 0 };
    return fd;
  }

  write(bytes: Buffer, position: number): void {
    if (this.#file === null || isHole(bytes)) return;
    pwrite(this.#file.fd, bytes, position);
    this.#file.written = Math.max(this.#file.written, position + bytes.length);
  }

  /** Ends the file that is open, if one is: owner, mode, xattrs and time, in the order in which none undoes another. */
  endFile(): void {
    const file = this.#file;
    if (file === null) return;
    this.#file = null;
    try {
      if (file.written < file.entry.size) ftruncate(file.fd, file.entry.size);
      const { uid, gid, mode } = file.entry;
      const owned = uid === this.#uid && gid === this.#gid && !file.inheritsGroup;
      if (!owned) this.#chown(() => fchownat(file.fd, SELF, uid, gid), file.entry);
      const hasMode = owned && !file.unnamed && (mode & (0o7000 | this.#umask)) === 0;
      if (!hasMode) fchmod(file.fd, mode & 0o7777);
      this.#setXattrs(file.entry, (key, value) => trySetXattrOf(file.fd, key, value));
      futimens(file.fd, file.entry.mtime);
    } finally {
      if (!file.unnamed) close(file.fd);
    }
  }

  /** Makes a directory; its time is the caller's to set, last. Returns false where `name` is taken. */
  createDirectory(at: OpenDirectory, name: Buffer, entry: DirectoryAttributes): boolean {
    const made = tryMkdirat(at.fd, name, entry.mode & 0o777);
    if (made === -EEXIST) return false;
    if (made < 0) throw systemError(made, "create directory", name);
    this.#directoryAttributes(at, name, entry, false);
    return true;
  }

  /** Gives a directory that is there the attributes of `entry`, and no others. */
  resetDirectory(at: OpenDirectory, name: Buffer, entry: DirectoryAttributes): void {
    for (const key of listXattrs(at.fd, name)) {
      if (!isOverlayXattr(key) && !entry.xattrs.has(key)) removeXattr(at.fd, name, key);
    }
    this.#directoryAttributes(at, name, entry, true);
  }

  /**
   * Gives the file that a hard link has just been made to the attributes of the link's entry, unless they are the same
   * (a change of owner would clear its capabilities). A symlink keeps its own.
   */
  applyLinkEntry(at: OpenDirectory, name: Buffer, entry: TarEntry): void {
    const stat = tryStatat(at.fd, name);
    if (typeof stat === "number") throw systemError(stat, "look at", name);
    if (stat.kind === "symlink") return;
    const kind = stat.kind === "socket" ? "unknown" : stat.kind;
    if (stat.uid !== entry.uid || stat.gid !== entry.gid) this.#own(at.fd, name, entry);
    fchmodat(at.fd, name, entry.mode & 0o7777);
    this.#setXattrs({ ...entry, kind }, (key, value) => trySetXattr(at.fd, name, key, value));
    utimensat(at.fd, name, entry.mtime);
  }

  /** Closes a file that an error left open. */
  abort(): void {
    if (this.#file?.unnamed === false) close(this.#file.fd);
    this.#file = null;
  }

  #directoryAttributes(at: OpenDirectory, name: Buffer, entry: DirectoryAttributes, existed: boolean): void {
    const owned = !existed && entry.uid === this.#uid && entry.gid === this.#gid && !at.setgid;
    if (!owned) this.#own(at.fd, name, entry);
    if (!owned || (entry.mode & (0o7000 | this.#umask)) !== 0) fchmodat(at.fd, name, entry.mode & 0o7777);
    this.#setXattrs(entry, (key, value) => trySetXattr(at.fd, name, key, value));
  }

  #openFile(at: OpenDirectory, name: Buffer, entry: TarEntry): boolean {
    const fd = tryOpenat(at.fd, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, entry.mode & 0o777);
    if (fd === -EEXIST) return false;
    if (fd < 0) throw systemError(fd, "create file", entry.name);
    this.#file = { fd, entry, inheritsGroup: at.setgid, unnamed: false, written: 0 };
    return true;
  }

  #make(dirfd: number, name: Buffer, entry: TarEntry): number {
    switch (entry.kind) {
      case "symlink":
        return trySymlinkat(entry.linkname, dirfd, name);
      case "fifo":
        return tryMknodat(dirfd, name, S_IFIFO | (entry.mode & 0o777), 0, 0);
      case "char":
        return tryMknodat(dirfd, name, S_IFCHR | (entry.mode & 0o777), entry.devmajor, entry.devminor);
      case "block":
        return tryMknodat(dirfd, name, S_IFBLK | (entry.mode & 0o777), entry.devmajor, entry.devminor);
      default:
        throw new LayerfsError("INVALID_LAYER", `${printable(entry.name)}: cannot create a ${entry.kind}`);
    }
  }

  #own(dirfd: number, name: Buffer, entry: Owned): void {
    this.#chown(() => fchownat(dirfd, name, entry.uid, entry.gid), entry);
  }

  #chown(act: () => void, entry: Owned): void {
    try {
      act();
    } catch (error) {
      if (!(error instanceof LayerfsError && error.errno === "EPERM")) throw error;
      if (!this.#options.ignoreOwners) throw refused(EPERM, `set the owner ${entry.uid}:${entry.gid} of`, entry.name);
      this.#options.warnings.add(
        "an owner was not set (not permitted)",
        `${printable(entry.name)} ${entry.uid}:${entry.gid}`,
      );
    }
  }

  #setXattrs(entry: Owned, set: (key: string, value: Buffer) => number): void {
    for (const [key, value] of entry.xattrs) {
      if (isOverlayXattr(key)) {
        this.#options.warnings.add(`an xattr private to overlayfs was left out`, `${printable(entry.name)} ${key}`);
        continue;
      }
      const result = set(key, value);
      if (result >= 0) continue;
      const mayBeLeftOut = this.#options.ignoreOwners || !allowsXattr(entry.kind ?? "directory", key);
      const isRefused = result === -EPERM || (result === -EACCES && this.#options.ignoreOwners);
      if (result === -EOPNOTSUPP || (isRefused && mayBeLeftOut)) {
        this.#options.warnings.add(
          `an xattr was left out (${isRefused ? "not permitted" : "not supported here"})`,
          `${printable(entry.name)} ${key}`,
        );
        continue;
      }
      throw refused(result, `set xattr ${key} of`, entry.name);
    }
  }
}

/** A long run of zeros, as a tar has in place of a file's holes: it is not written, and so is a hole again. */
function isHole(bytes: Buffer): boolean {
  if (bytes.length < LEAST_HOLE) return false;
  for (let at = 0; at < bytes.length; at += ZEROS.length) {
    const part = bytes.subarray(at, at + ZEROS.length);
    if (!part.equals(part.length === ZEROS.length ? ZEROS : ZEROS.subarray(0, part.length))) return false;
  }
  return true;
}

/** The error of a call that needs privilege. */
function refused(errno: number, action: string, object: Buffer): LayerfsError {
  const error = systemError(errno, action, object);
  if (error.code !== "PERMISSION") return error;
  return new LayerfsError(error.code, error.message, {
    errno: error.errno,
    hint: "run as root with all capabilities, or leave out what is not permitted: -s vfs --storage-opt vfs.ignore_chown_errors=true",
  });
}

type Owned = Pick<TarEntry, "name" | "uid" | "gid" | "mode" | "xattrs"> & { readonly kind?: TarEntry["kind"] };

/** The attributes of a directory, from an entry or from the layer below. */
export interface DirectoryAttributes extends Owned {
  readonly mtime: Timespec;
}
