import { LayerfsError } from "../../core/errors.ts";
import { check, tryLinkDescriptor, tryOpenat } from "../../sys/at.ts";
import { copyFileContent } from "../../sys/copy-file.ts";
import { copyOpenAttributes } from "../../sys/copy-node.ts";
import { ENOENT, EOPNOTSUPP, systemError } from "../../sys/errno.ts";
import { close } from "../../sys/file.ts";
import { O_RDWR, O_TMPFILE } from "../../sys/flags.ts";
import { fstat } from "../../sys/stat.ts";
import type { TarEntry } from "../../tar/entry.ts";
import { printableKey } from "../../union/entry-path.ts";
import type { OpenDirectory } from "./disk-tree.ts";
import type { NodeWriter } from "./node-writer.ts";

const MAX_RESERVED = 256;
const HERE = Buffer.from(".");

/**
 * Files below names that aufs reserves (`.wh..wh.plnk/`): kept without a name, so that they never show, until the
 * hard links that point to them give them one.
 */
export class ReservedFiles implements Disposable {
  readonly #nodes: NodeWriter;
  readonly #files = new Map<string, number>();

  constructor(nodes: NodeWriter) {
    this.#nodes = nodes;
  }

  /** `near`: any directory of the file system that the links will be on. */
  put(path: string, entry: TarEntry, near: OpenDirectory): void {
    if (entry.kind !== "file") return;
    if (this.#files.size >= MAX_RESERVED) {
      throw new LayerfsError(
        "LIMIT_EXCEEDED",
        `${printableKey(path)}: more than ${MAX_RESERVED} files below names reserved by aufs`,
      );
    }
    const fd = this.#nodes.createUnnamed(near, entry);
    if (fd === null) throw systemError(-EOPNOTSUPP, "create an unnamed file for", entry.name);
    this.#files.set(path, fd);
  }

  /** Gives the file a name that is free. Returns 0 or -errno. */
  link(path: string, into: OpenDirectory, name: Buffer): number {
    const fd = this.#find(path);
    const linked = tryLinkDescriptor(fd, into.fd, name);
    if (linked !== -ENOENT) return linked;
    // Linux names no file again that has lost its last name.
    const copy = copyUnnamed(fd, into);
    this.#files.set(path, copy);
    close(fd);
    return tryLinkDescriptor(copy, into.fd, name);
  }

  #find(path: string): number {
    const fd = this.#files.get(path);
    if (fd === undefined) {
      throw new LayerfsError("INVALID_LAYER", `hard link to ${printableKey(path)}, but it is not there`);
    }
    return fd;
  }

  [Symbol.dispose](): void {
    for (const fd of this.#files.values()) close(fd);
    this.#files.clear();
  }
}

function copyUnnamed(fd: number, near: OpenDirectory): number {
  const copy = check(tryOpenat(near.fd, HERE, O_TMPFILE | O_RDWR, 0o600), "create", "an unnamed file");
  try {
    const stat = fstat(fd);
    copyFileContent(fd, copy, stat);
    copyOpenAttributes(fd, copy, stat);
    return copy;
  } catch (error) {
    close(copy);
    throw error;
  }
}
