import { mkdirSync, statSync } from "node:fs";
import { dirname } from "node:path";
import { fromNodeError } from "./errno.ts";

/**
 * Makes a directory and those above it that are missing, all with `mode` less the umask; one that is there stays as it is.
 * Unlike the `recursive` of node:fs it tells why it fails: that one says ENOENT on a read-only file system.
 */
export function makeDirectories(path: string, mode: number): void {
  try {
    mkdirSync(path, mode);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    // A read-only file system says so before it looks whether the name is taken.
    if (statSync(path, { throwIfNoEntry: false })?.isDirectory()) return;
    if (code !== "ENOENT" || dirname(path) === path) throw fromNodeError(error, "make directory", path);
    makeDirectories(dirname(path), mode);
    makeDirectories(path, mode);
  }
}
