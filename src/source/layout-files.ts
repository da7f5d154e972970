import { resolve } from "node:path";
import { LayerfsError, printable } from "../core/errors.ts";
import type { Extent } from "../core/image.ts";
import { openDirectory, tryOpenat2 } from "../sys/at.ts";
import { ELOOP, ENOENT, ENOTDIR, EXDEV, systemError } from "../sys/errno.ts";
import { close } from "../sys/file.ts";
import { O_NONBLOCK, O_RDONLY, RESOLVE_BENEATH, RESOLVE_NO_MAGICLINKS } from "../sys/flags.ts";
import { fstat } from "../sys/stat.ts";
import type { ArchiveFile } from "./archive-file.ts";

/** The files of an OCI layout by their paths, whether it is a directory or a tar archive. */
export interface LayoutFiles {
  /** For messages: `OCI layout /x`. */
  readonly title: string;
  has(path: string): boolean;
  /** Where the file's bytes lie; they can be read until the layout is closed. Fails with INVALID_ARCHIVE. */
  file(path: string): Extent;
  close(): Promise<void>;
}

/** Each open file takes a descriptor. */
const MAX_OPEN_FILES = 4096;

/**
 * A layout in a directory. Nothing outside of it is read, wherever symlinks in it lead. Codes of `file`:
 * INVALID_ARCHIVE for what is missing, leaves the directory or is no file; LIMIT_EXCEEDED; PERMISSION; SYSTEM.
 */
export function layoutInDirectory(path: string): LayoutFiles {
  const title = `OCI layout ${printable(path)}`;
  const root = openLayoutDirectory(path, title);
  const opened = new Map<string, Extent>();
  const open = (name: string): number =>
    tryOpenat2(root, Buffer.from(name), O_RDONLY | O_NONBLOCK, 0, RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS);
  return {
    title,
    has: (name) => {
      const fd = open(name);
      if (fd >= 0) close(fd);
      return fd !== -ENOENT && fd !== -ENOTDIR;
    },
    file: (name) => {
      const known = opened.get(name);
      if (known !== undefined) return known;
      if (opened.size >= MAX_OPEN_FILES) throw tooManyFiles(title);
      const extent = asExtent(open(name), name, title);
      opened.set(name, extent);
      return extent;
    },
    close: async () => {
      for (const { fd } of opened.values()) close(fd);
      close(root);
    },
  };
}

/** A layout in an archive, which is closed with it. */
export function layoutInArchive(archive: ArchiveFile): LayoutFiles {
  return {
    title: `archive ${archive.name}`,
    has: (path) => archive.index.has(path),
    file: (path) => {
      const { offset, size } = archive.index.file(path);
      return { fd: archive.file.fd, offset, length: size };
    },
    close: () => archive.close(),
  };
}

function openLayoutDirectory(path: string, title: string): number {
  try {
    return openDirectory(resolve(path));
  } catch (error) {
    if (!(error instanceof LayerfsError)) throw error;
    if (error.errno === "ENOTDIR") {
      throw new LayerfsError("INVALID_ARCHIVE", `${title}: it is no directory`, {
        hint: `a tar archive of a layout is named as oci-archive:${printable(path)}`,
        cause: error,
      });
    }
    if (error.errno !== "ENOENT") throw error;
    throw new LayerfsError("NOT_FOUND", `${title}: there is no such directory`, { cause: error });
  }
}

/** Takes over the descriptor, or the negative error number in its place. */
function asExtent(fd: number, name: string, title: string): Extent {
  if (fd < 0) throw openFailure(fd, name, title);
  const { kind, size } = fstat(fd);
  if (kind === "file") return { fd, offset: 0, length: size };
  close(fd);
  throw new LayerfsError("INVALID_ARCHIVE", `${title}: expected a file at ${name}, found a ${kind}`);
}

function openFailure(errno: number, name: string, title: string): LayerfsError {
  if (errno === -ENOENT || errno === -ENOTDIR) {
    return new LayerfsError("INVALID_ARCHIVE", `${title}: there is no ${name}`, {
      hint: "the layout is not whole; make or copy it again",
    });
  }
  if (errno === -EXDEV || errno === -ELOOP) {
    return new LayerfsError("INVALID_ARCHIVE", `${title}: ${name} is a link that leaves the directory`, {
      hint: "put the file itself into the layout",
    });
  }
  return systemError(errno, "open", `${title}: ${name}`);
}

function tooManyFiles(title: string): LayerfsError {
  return new LayerfsError("LIMIT_EXCEEDED", `${title}: its images have more than ${MAX_OPEN_FILES} blobs`, {
    hint: "name one of its images",
  });
}
