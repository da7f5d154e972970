import { LayerfsError, printable } from "../core/errors.ts";
import { check, readlinkat, tryOpenat } from "../sys/at.ts";
import { ENOENT } from "../sys/errno.ts";
import { close, pread } from "../sys/file.ts";
import { O_NOFOLLOW, O_NONBLOCK, O_RDONLY } from "../sys/flags.ts";
import type { Stat } from "../sys/stat.ts";
import type { EntryKind } from "../tar/entry.ts";
import { type HeaderFields, padding } from "../tar/writer.ts";
import type { ComparedNode } from "./comparison.ts";
import { layerXattrs } from "./layer-xattrs.ts";

/** A node on disk, and what it is called in a tar. */
export interface NamedNode extends ComparedNode {
  readonly path: Buffer;
}

const READ_SIZE = 256 * 1024;
/** Headers are handed on together until they reach this size. */
const CHUNK_SIZE = 64 * 1024;

/** Small pieces of a tar collected to one. */
export class Chunk {
  size = 0;
  #parts: Buffer[] = [];

  /** It is time to hand it on. */
  get isFull(): boolean {
    return this.size >= CHUNK_SIZE;
  }

  add(bytes: Buffer): void {
    this.#parts.push(bytes);
    this.size += bytes.length;
  }

  take(): Buffer {
    const bytes = Buffer.concat(this.#parts);
    this.#parts = [];
    this.size = 0;
    return bytes;
  }
}

/** What the names of one inode have in common; null for a node that has one name. */
export function sharedInode({ dev, ino, kind, nlink }: Stat): string | null {
  return kind === "directory" || nlink === 1 ? null : `${dev}/${ino}`;
}

/** The header of a node that is no socket, with the attributes that belong to a layer. */
export function fieldsOf({ path, stat, directory, name }: NamedNode): HeaderFields {
  const { uid, gid, mode, mtime, rdevMajor, rdevMinor } = stat;
  return {
    kind: stat.kind as EntryKind,
    name: path,
    linkname: stat.kind === "symlink" ? readlinkat(directory, name) : Buffer.alloc(0),
    mode,
    uid,
    gid,
    mtime,
    size: stat.kind === "file" ? stat.size : 0,
    devmajor: rdevMajor,
    devminor: rdevMinor,
    xattrs: layerXattrs(directory, name),
  };
}

/**
 * A file's bytes and the zeros after them; the last piece stays in `chunk`. Fails with CONFLICT where the file is gone, or
 * has become shorter than its header says.
 */
export async function* contentOf({ path, stat, directory, name }: NamedNode, chunk: Chunk): AsyncGenerator<Buffer> {
  const fd = tryOpenat(directory, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
  if (fd === -ENOENT) throw changedMeanwhile(`/${printable(path)} was removed while the tree was read`);
  check(fd, "open", path);
  try {
    for (let done = 0; done < stat.size; ) {
      if (chunk.isFull) yield chunk.take();
      const buffer = Buffer.allocUnsafe(Math.min(READ_SIZE, stat.size - done));
      if (pread(fd, buffer, done) < buffer.length)
        throw changedMeanwhile(`/${printable(path)}: it had ${stat.size} bytes and has become shorter`);
      done += buffer.length;
      chunk.add(buffer);
    }
  } finally {
    close(fd);
  }
  chunk.add(padding(stat.size));
}

function changedMeanwhile(message: string): LayerfsError {
  return new LayerfsError("CONFLICT", message, {
    hint: "another program changes the tree; try again when it has ended",
  });
}
