import { constants } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import { tryLinkDescriptor } from "./at.ts";
import { EOPNOTSUPP, systemError } from "./errno.ts";
import { AT_FDCWD, O_TMPFILE } from "./flags.ts";

/**
 * Opens a file without a name in a directory, for reading and writing, with `mode` less the umask. It vanishes when it
 * is closed, and with the process, whatever ends that. Null where the file system has no such files (NFS, most of FUSE's). Fails as node:fs does.
 */
export async function openNamelessFile(directory: string, mode: number): Promise<FileHandle | null> {
  try {
    return await open(directory, constants.O_RDWR | O_TMPFILE, mode);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).errno === -EOPNOTSUPP) return null;
    throw error;
  }
}

/** Gives a nameless file a name, which nothing may have yet. */
export function nameFile(file: FileHandle, path: string): void {
  const result = tryLinkDescriptor(file.fd, AT_FDCWD, Buffer.from(path));
  if (result < 0) throw systemError(result, "make", path);
}
