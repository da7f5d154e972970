import { mkdirSync, statSync } from "node:fs";
import { dirname } from "node:path";
import { fromNodeError } from "./errno.ts";

/**
 * Makes a directory and those above it that are missing, all with `mode` less the umask; one that is there stays as it is.
 * Unlike the `recursive` of node:fs it tells why it fails: that one says ENOENT on a read-only file system.
 */
export function makeDirectories(path: string, mode: number): void {
  let failure = makeOne(path, mode);
  if (failure?.code === "ENOENT" && dirname(path) !== path) {
    makeDirectories(dirname(path), mode);
    // In some directories, as in /proc, nothing can be made, which is told by the same error.
    failure = makeOne(path, mode);
  }
  if (failure !== null) throw fromNodeError(failure, "make directory", path);
}

/** Null where the directory is there now. */
function makeOne(path: string, mode: number): NodeJS.ErrnoException | null {
  try {
    mkdirSync(path, mode);
    return null;
  } catch (error) {
    // A read-only file system says so before it looks whether the name is taken.
    return statSync(path, { throwIfNoEntry: false })?.isDirectory() ? null : (error as NodeJS.ErrnoException);
  }
}
