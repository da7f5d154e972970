import { randomBytes } from "node:crypto";
import { closeSync, constants, fchmodSync, fsyncSync, openSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { LayerfsError } from "../core/errors.ts";
import { check, tryRenameat2 } from "./at.ts";
import { EEXIST, ENOTEMPTY, fromNodeError } from "./errno.ts";
import { syncfs } from "./file.ts";
import { AT_FDCWD, RENAME_EXCHANGE, RENAME_NOREPLACE } from "./flags.ts";

/**
 * Writes a file so that after a crash at any instant it is whole, old or new: a temporary file beside it, fsync,
 * rename, fsync of the directory. `mode` is exact, whatever the umask. A crash can leave a file `.<name>.<hex>.tmp`.
 */
export function writeFileDurably(path: string, bytes: string | Uint8Array, options: { readonly mode: number }): void {
  const temporary = join(dirname(path), `.${basename(path)}.${randomBytes(6).toString("hex")}.tmp`);
  try {
    writeNewFile(temporary, bytes, options.mode);
    renameSync(temporary, path);
  } catch (error) {
    rmSync(temporary, { force: true });
    throw fromNodeError(error, "write", path);
  }
  fsyncDirectory(dirname(path));
}

/**
 * Makes a directory that was filled under a temporary name visible at once: syncs its whole file system, renames it,
 * syncs the parent. Fails with CONFLICT, changing nothing, if `finalDirectory` is there.
 */
export function publishDirectory(temporaryDirectory: string, finalDirectory: string): void {
  withDirectory(temporaryDirectory, syncfs);
  publishSynced(temporaryDirectory, finalDirectory);
}

/** The same for what the last sync of its file system has made durable already. */
export function publishSynced(temporaryDirectory: string, finalDirectory: string): void {
  const result = tryRenameat2(
    AT_FDCWD,
    Buffer.from(temporaryDirectory),
    AT_FDCWD,
    Buffer.from(finalDirectory),
    RENAME_NOREPLACE,
  );
  if (result === -EEXIST || result === -ENOTEMPTY) {
    throw new LayerfsError("CONFLICT", `${finalDirectory} is already there`, { errno: "EEXIST" });
  }
  check(result, `rename ${temporaryDirectory} to`, finalDirectory);
  fsyncDirectory(dirname(finalDirectory));
}

/** As `publishDirectory`, but changes places with a directory that is there. */
export function exchangeDirectories(temporaryDirectory: string, finalDirectory: string): void {
  withDirectory(temporaryDirectory, syncfs);
  const [from, to] = [Buffer.from(temporaryDirectory), Buffer.from(finalDirectory)];
  const result = tryRenameat2(AT_FDCWD, from, AT_FDCWD, to, RENAME_EXCHANGE);
  check(result, `exchange ${temporaryDirectory} with`, finalDirectory);
  fsyncDirectory(dirname(finalDirectory));
}

/** Makes the names in a directory durable. */
export function fsyncDirectory(path: string): void {
  withDirectory(path, (fd) => {
    try {
      fsyncSync(fd);
    } catch (error) {
      throw fromNodeError(error, "sync directory", path);
    }
  });
}

function writeNewFile(path: string, bytes: string | Uint8Array, mode: number): void {
  const fd = openSync(path, constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL, mode);
  try {
    writeFileSync(fd, bytes);
    fchmodSync(fd, mode);
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}

function withDirectory(path: string, use: (fd: number) => void): void {
  let fd: number;
  try {
    fd = openSync(path, constants.O_RDONLY | constants.O_DIRECTORY);
  } catch (error) {
    throw fromNodeError(error, "open directory", path);
  }
  try {
    use(fd);
  } finally {
    closeSync(fd);
  }
}
