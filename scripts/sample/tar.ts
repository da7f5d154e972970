import type { Timespec } from "../../src/core/timespec.ts";
import type { EntryKind } from "../../src/tar/entry.ts";
import { END_OF_ARCHIVE, encodeHeader, padding } from "../../src/tar/writer.ts";

/** A file of an archive, in the words of JavaScript: names are text. A directory's name ends in a slash. */
export interface ArchiveFile {
  readonly name: string;
  readonly kind: EntryKind;
  readonly content?: Buffer;
  /** Target of a symlink; for a hard link the name of an earlier file of the archive. */
  readonly link?: string;
  readonly mode: number;
  readonly uid?: number;
  readonly gid?: number;
  readonly mtime: Timespec;
  readonly xattrs?: Readonly<Record<string, string>>;
}

/** The files as one tar archive. Same input, same bytes. */
export function archive(files: readonly ArchiveFile[]): Buffer {
  return Buffer.concat([...files.flatMap(encode), END_OF_ARCHIVE]);
}

function encode(file: ArchiveFile): Buffer[] {
  const { content = Buffer.alloc(0), link = "", uid = 0, gid = 0, xattrs = {} } = file;
  const header = encodeHeader({
    ...file,
    name: Buffer.from(file.name),
    linkname: Buffer.from(link),
    uid,
    gid,
    size: content.length,
    xattrs: new Map(Object.entries(xattrs).map(([key, value]) => [key, Buffer.from(value)])),
  });
  return [header, content, padding(content.length)];
}
