import {
  closeSync,
  constants,
  type Dirent,
  fstatSync,
  lstatSync,
  openSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  realpathSync,
} from "node:fs";
import { basename, dirname, join } from "node:path";
import { LayerfsError, printable } from "../core/errors.ts";
import { check, tryOpenat2 } from "./at.ts";
import { ELOOP } from "./errno.ts";
import { AT_FDCWD, O_DIRECTORY, O_RDONLY, RESOLVE_NO_SYMLINKS } from "./flags.ts";

/*
 * Reading in a data root that may be anybody's. No symlink is followed, wherever it stands in a path, so that nothing
 * outside of the root is read; nothing waits for a pipe; and no record fills the memory. Paths are absolute, below a root
 * that `plainRoot` gave. All fails with CORRUPT_STORE where something else stands in the place of what is wanted.
 */

/** No record that dockerd or layerfs writes comes near it. */
export const MAX_RECORD_BYTES: number = 16 << 20;

/** A data root's path without the symlinks that lead to it, which its owner has made; what is absent has none. */
export function plainRoot(path: string): string {
  try {
    return realpathSync(path);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === "ENOENT" && dirname(path) !== path) return join(plainRoot(dirname(path)), basename(path));
    // What is wrong with it is told by whatever reads it.
    if (code === "ENOENT" || code === "EACCES" || code === "ENOTDIR" || code === "ELOOP") return path;
    throw error;
  }
}

/** A small file; null where there is none. */
export function readPlainFile(path: string): Buffer | null {
  const fd = openPlain(path, constants.O_RDONLY);
  if (fd === null) return null;
  try {
    const { size } = requireFile(fd, path);
    if (size <= MAX_RECORD_BYTES) return readFileSync(fd);
    throw corrupt(`${printable(path)} has ${size} bytes, expected at most ${MAX_RECORD_BYTES}`);
  } finally {
    closeSync(fd);
  }
}

/** A file of any size, as a descriptor that the caller closes; null where there is none. */
export function openPlainFile(path: string): number | null {
  const fd = openPlain(path, constants.O_RDONLY);
  if (fd === null) return null;
  try {
    requireFile(fd, path);
    return fd;
  } catch (error) {
    closeSync(fd);
    throw error;
  }
}

/** The names in a directory; none where it is absent. */
export function readPlainNames(path: string): string[] {
  return readPlainDirectory(path).map(({ name }) => name);
}

/** The same with their types. */
export function readPlainDirectory(path: string): Dirent[] {
  const fd = openPlain(path, constants.O_RDONLY | constants.O_DIRECTORY);
  if (fd === null) return [];
  try {
    return readdirSync(`/proc/self/fd/${fd}`, { withFileTypes: true });
  } finally {
    closeSync(fd);
  }
}

/** What a symlink says, which is not followed; null where there is none. Fails as the system does where it is none. */
export function readPlainLink(path: string): string | null {
  const fd = openPlain(dirname(path), constants.O_RDONLY | constants.O_DIRECTORY);
  if (fd === null) return null;
  try {
    return readlinkSync(`/proc/self/fd/${fd}/${basename(path)}`);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return null;
    throw error;
  } finally {
    closeSync(fd);
  }
}

/** Whether anything has the path, for whoever may see it: node:fs's `existsSync` forgets what capabilities allow. */
export function isPresent(path: string): boolean {
  return lstatSync(path, { throwIfNoEntry: false }) !== undefined;
}

/** Opens a directory; the caller closes it. Where it is absent: `systemError`. */
export function openPlainDirectory(path: string): number {
  const fd = tryOpenat2(AT_FDCWD, Buffer.from(path), O_RDONLY | O_DIRECTORY, 0, RESOLVE_NO_SYMLINKS);
  if (fd === -ELOOP) throw behindSymlink(path);
  return check(fd, "open", path);
}

/** Where the descriptor leads tells of symlinks on the way there, without the time that loading the FFI takes. */
function openPlain(path: string, flags: number): number | null {
  const fd = tryOpen(path, flags | constants.O_NOFOLLOW | constants.O_NONBLOCK | constants.O_NOCTTY);
  if (fd === null) return null;
  const place = readlinkSync(`/proc/self/fd/${fd}`);
  // It may have been removed since.
  if (place === path || place === `${path} (deleted)`) return fd;
  closeSync(fd);
  throw behindSymlink(path);
}

function tryOpen(path: string, flags: number): number | null {
  try {
    return openSync(path, flags);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === "ENOENT") return null;
    if (code === "ELOOP") throw behindSymlink(path);
    if (code === "ENXIO" || code === "ENODEV") throw noFile(path);
    // With O_DIRECTORY this is said of a symlink too.
    if (code === "ENOTDIR" && isSymlink(path)) throw behindSymlink(path);
    throw error;
  }
}

function isSymlink(path: string): boolean {
  return lstatSync(path, { throwIfNoEntry: false })?.isSymbolicLink() ?? false;
}

function requireFile(fd: number, path: string): { readonly size: number } {
  const stats = fstatSync(fd);
  if (stats.isFile()) return stats;
  throw noFile(path);
}

function noFile(path: string): LayerfsError {
  return corrupt(`${printable(path)} is no file`);
}

function behindSymlink(path: string): LayerfsError {
  return new LayerfsError("CORRUPT_STORE", `${printable(path)} is a symlink, or leads through one`, {
    hint: "symlinks in a data root are not followed; a directory that lies elsewhere can be bound there: mount --bind",
  });
}

function corrupt(message: string): LayerfsError {
  return new LayerfsError("CORRUPT_STORE", message, { hint: "load the image again, or remove the file" });
}
