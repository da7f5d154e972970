import { randomBytes } from "node:crypto";
import { constants } from "node:fs";
import { type FileHandle, open, unlink } from "node:fs/promises";
import { join } from "node:path";
import { fromNodeError } from "../sys/errno.ts";
import { openNamelessFile } from "../sys/nameless-file.ts";

/** A file that has no name and vanishes with the process, if it is not closed before. */
export interface SpoolFile {
  readonly file: FileHandle;
  /** Writes all of the bytes; at the end of what was written last, where no position is given. */
  write(bytes: Buffer, position?: number): Promise<void>;
}

/** Codes, also of `write`: NO_SPACE, PERMISSION, SYSTEM. */
export async function openSpoolFile(directory: string): Promise<SpoolFile> {
  const file = await openNameless(directory);
  return { file, write: (bytes, position) => writeAll(file, bytes, position ?? null, directory) };
}

async function openNameless(directory: string): Promise<FileHandle> {
  try {
    return (await openNamelessFile(directory, 0o600)) ?? (await openUnlinked(directory));
  } catch (error) {
    throw fromNodeError(error, "create a temporary file in", directory);
  }
}

async function openUnlinked(directory: string): Promise<FileHandle> {
  const path = join(directory, `.spool-${randomBytes(12).toString("hex")}.tmp`);
  const { O_RDWR, O_CREAT, O_EXCL, O_NOFOLLOW } = constants;
  const file = await open(path, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW, 0o600);
  await unlink(path).catch(async (error: NodeJS.ErrnoException) => {
    // It may have been taken for what a crash left, and been removed already.
    if (error.code === "ENOENT") return;
    await file.close();
    throw error;
  });
  return file;
}

async function writeAll(file: FileHandle, bytes: Buffer, position: number | null, directory: string): Promise<void> {
  try {
    for (let written = 0; written < bytes.length; ) {
      const at = position === null ? null : position + written;
      written += (await file.write(bytes, written, bytes.length - written, at)).bytesWritten;
    }
  } catch (error) {
    throw fromNodeError(error, "write a temporary file in", directory);
  }
}
