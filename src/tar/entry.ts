import type { Timespec } from "../core/timespec.ts";

/**
 * What an entry makes in the file system. Type flag "7" (contiguous) and GNU's "S" (sparse) are files; NUL is a file, or
 * a directory where the name ends in a slash. Every other flag is "unknown": GNU's D (dumpdir), M (continuation of a
 * volume), V (volume label) and N, Solaris's A and X, and whatever a vendor made up. Their payload is handed on like a
 * file's, as in Go's archive/tar.
 */
export type EntryKind = "file" | "hardlink" | "symlink" | "char" | "block" | "directory" | "fifo" | "unknown";

/** A run of data in a sparse file, in bytes; what lies between runs is a hole. */
export interface DataRun {
  readonly offset: number;
  readonly length: number;
}

/** One entry of an archive, with its extended headers applied. Buffers belong to the entry and stay valid. */
export interface TarEntry {
  /** Where its first header block lies in the archive, extended headers included. */
  readonly offset: number;
  readonly kind: EntryKind;
  /** The type flag as one latin1 character; NUL for the oldest archives. */
  readonly typeflag: string;
  /** As in the archive, not cleaned: may be empty, absolute, hold ".." or end in a slash. */
  readonly name: Buffer;
  readonly linkname: Buffer;
  /** The permission bits, at most 07777: the type bits that some writers add are left out. */
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly uname: string;
  readonly gname: string;
  readonly mtime: Timespec;
  /** Bytes of the file when it is written out, holes included; 0 for what has no content (see `payloadSize`). */
  readonly size: number;
  /**
   * Bytes that `payload` will hand on for this entry. Always 0 for links, directories, devices and fifos, whatever size
   * their header claims: Go's archive/tar reads them so, and GNU tar reads hard links so.
   */
  readonly payloadSize: number;
  readonly devmajor: number;
  readonly devminor: number;
  /** From PAX records SCHILY.xattr.NAME. LIBARCHIVE.xattr.* is not read: neither Go nor GNU tar does. */
  readonly xattrs: ReadonlyMap<string, Buffer>;
  /** The data runs of a sparse file in ascending order, none empty; null for every other entry. */
  readonly sparse: readonly DataRun[] | null;
}
