import { LayerfsError } from "../../core/errors.ts";
import { close } from "../../sys/file.ts";
import type { TarEntry } from "../../tar/entry.ts";
import { printableKey } from "../../union/entry-path.ts";
import type { OpenDirectory } from "./disk-tree.ts";
import type { NodeWriter } from "./node-writer.ts";

const MAX_RESERVED = 256;

/**
 * Files below names that aufs reserves (`.wh..wh.plnk/`): kept without a name, so that they never show, until the
 * hard links that point to them give them one.
 */
export class ReservedFiles implements Disposable {
  readonly #nodes: NodeWriter;
  readonly #files = new Map<string, number>();
  #writing = false;

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
    this.#files.set(path, this.#nodes.createUnnamed(near, entry));
    this.#writing = true;
  }

  find(path: string): number {
    const fd = this.#files.get(path);
    if (fd === undefined) {
      throw new LayerfsError("INVALID_LAYER", `hard link to ${printableKey(path)}, but it is not there`);
    }
    return fd;
  }

  /** Ends whatever file is open; one without a name stays open for its links. */
  endEntry(): void {
    this.#nodes.endFile(this.#writing);
    this.#writing = false;
  }

  [Symbol.dispose](): void {
    for (const fd of this.#files.values()) close(fd);
    this.#files.clear();
  }
}
