import { LayerfsError, printable } from "../../core/errors.ts";
import type { Timespec } from "../../core/timespec.ts";
import { readlinkat, tryLinkat, tryLinkDescriptor, utimensat } from "../../sys/at.ts";
import { EEXIST, ENOENT, systemError } from "../../sys/errno.ts";
import { readDirectory } from "../../sys/read-dir.ts";
import { removeTree } from "../../sys/remove-tree.ts";
import type { TarEntry } from "../../tar/entry.ts";
import type { Directory, Found } from "../../union/change-target.ts";
import { joinKey, printableKey } from "../../union/entry-path.ts";
import { DiskTree, type OpenDirectory } from "./disk-tree.ts";
import type { LayerWriter, WrittenLayer } from "./layer-writer.ts";
import { type DirectoryAttributes, NodeWriter, type NodeWriterOptions } from "./node-writer.ts";
import { ReservedFiles } from "./reserved-files.ts";

const ROOT: Directory = { path: "" };
const HERE = Buffer.from(".");

export interface TreeTargetOptions extends NodeWriterOptions {
  /** Give the root the attributes of an implied directory, unless the layer holds an entry for it. */
  readonly implyRoot: boolean;
}

/** What an archive implies without holding it. */
export function impliedDirectory(name: Buffer): DirectoryAttributes {
  return { name, uid: 0, gid: 0, mode: 0o755, xattrs: new Map(), mtime: { seconds: 0, nanoseconds: 0 } };
}

/**
 * Applies a layer to a directory that holds the whole union below it: what the layer deletes is deleted.
 * Directories that the layer does not name keep their attributes and times.
 */
export function treeTarget(rootFd: number, options: TreeTargetOptions): LayerWriter {
  return new TreeTarget(rootFd, options);
}

class TreeTarget implements LayerWriter {
  readonly root = ROOT;
  readonly #tree: DiskTree;
  readonly #nodes: NodeWriter;
  readonly #reserved: ReservedFiles;
  readonly #options: TreeTargetOptions;
  #ownRoot = false;
  readonly #own = new Set<string>([""]);
  readonly #times = new Map<string, Timespec>();

  constructor(rootFd: number, options: TreeTargetOptions) {
    this.#tree = new DiskTree(rootFd);
    this.#nodes = new NodeWriter(options);
    this.#reserved = new ReservedFiles(this.#nodes);
    this.#options = options;
  }

  lookup(at: Directory, name: Buffer): Found {
    const stat = this.#tree.stat(at.path, name);
    if (stat === null) return { kind: "absent" };
    if (stat.kind === "directory") return { kind: "directory" };
    if (stat.kind !== "symlink") return { kind: "other" };
    return { kind: "symlink", target: readlinkat(this.#tree.directory(at.path).fd, name) };
  }

  enter(at: Directory, name: Buffer): Directory {
    return { path: joinKey(at.path, name) };
  }

  makeParent(at: Directory, name: Buffer): Directory {
    const path = joinKey(at.path, name);
    const attributes = impliedDirectory(name);
    if (!this.#nodes.createDirectory(this.#change(at), name, attributes)) {
      this.#remove(at, name, path);
      this.#nodes.createDirectory(this.#change(at), name, attributes);
    }
    this.#claim(path);
    this.#times.set(path, attributes.mtime);
    return { path };
  }

  put(at: Directory, name: Buffer, entry: TarEntry): boolean {
    const path = joinKey(at.path, name);
    const replaced =
      entry.kind === "directory" ? this.#putDirectory(at, name, path, entry) : this.#putOther(at, name, path, entry);
    this.#claim(path);
    return replaced;
  }

  putRoot(entry: TarEntry): void {
    this.#nodes.resetDirectory(this.#tree.directory(""), HERE, entry);
    this.#times.set("", entry.mtime);
    this.#ownRoot = true;
  }

  link(at: Directory, name: Buffer, to: Directory, toName: Buffer): boolean {
    return this.#link(at, name, (into) => tryLinkat(this.#tree.directory(to.path).fd, toName, into.fd, name));
  }

  putReserved(path: string, entry: TarEntry): void {
    this.#reserved.put(path, entry, this.#tree.directory(""));
  }

  linkReserved(at: Directory, name: Buffer, path: string): boolean {
    const fd = this.#reserved.find(path);
    return this.#link(at, name, (into) => tryLinkDescriptor(fd, into.fd, name));
  }

  whiteout(at: Directory, name: Buffer): void {
    const path = joinKey(at.path, name);
    if (!this.#own.has(path)) {
      if (this.#tree.stat(at.path, name) !== null) this.#remove(at, name, path);
    } else if (this.#tree.stat(at.path, name)?.kind === "directory") {
      this.opaque({ path });
    }
  }

  opaque(at: Directory): void {
    for (const { name } of readDirectory(this.#change(at).fd)) this.whiteout(at, name);
  }

  write(bytes: Buffer, position: number): void {
    this.#nodes.write(bytes, position);
  }

  endEntry(): void {
    this.#reserved.endEntry();
  }

  finish(): WrittenLayer {
    if (this.#options.implyRoot && !this.#ownRoot) {
      const attributes = impliedDirectory(HERE);
      this.#nodes.resetDirectory(this.#tree.directory(""), HERE, attributes);
      this.#times.set("", attributes.mtime);
    }
    for (const [path, mtime] of this.#times) {
      const opened = this.#tree.tryDirectory(path);
      if (typeof opened !== "number") utimensat(opened.fd, HERE, mtime);
    }
    return { cutsLowers: false, warnings: this.#options.warnings.list() };
  }

  [Symbol.dispose](): void {
    this.#nodes.abort();
    this.#reserved[Symbol.dispose]();
    this.#tree[Symbol.dispose]();
  }

  #putDirectory(at: Directory, name: Buffer, path: string, entry: TarEntry): boolean {
    this.#times.set(path, entry.mtime);
    const into = this.#change(at);
    if (this.#nodes.createDirectory(into, name, entry)) return false;
    if (this.#tree.stat(at.path, name)?.kind === "directory") {
      this.#nodes.resetDirectory(into, name, entry);
      return false;
    }
    this.#remove(at, name, path);
    this.#times.set(path, entry.mtime);
    this.#nodes.createDirectory(this.#change(at), name, entry);
    return true;
  }

  #putOther(at: Directory, name: Buffer, path: string, entry: TarEntry): boolean {
    if (this.#nodes.create(this.#change(at), name, entry)) return false;
    this.#remove(at, name, path);
    this.#nodes.create(this.#change(at), name, entry);
    return true;
  }

  #link(at: Directory, name: Buffer, make: (into: OpenDirectory) => number): boolean {
    const path = joinKey(at.path, name);
    let result = make(this.#change(at));
    const replaced = result === -EEXIST;
    if (replaced) {
      this.#remove(at, name, path);
      result = make(this.#change(at));
    }
    if (result === -ENOENT) {
      throw new LayerfsError(
        "INVALID_LAYER",
        `${printableKey(path)}: the target of this hard link is not there any more`,
      );
    }
    if (result < 0) throw systemError(result, "link", printable(name));
    this.#claim(path);
    return replaced;
  }

  /** Opens a directory that is about to change; the time that it has now is set again at the end. */
  #change(at: Directory): OpenDirectory {
    const opened = this.#tree.directory(at.path);
    if (!this.#times.has(at.path)) this.#times.set(at.path, opened.mtime);
    return opened;
  }

  #claim(path: string): void {
    for (let key = path; !this.#own.has(key); key = key.slice(0, Math.max(0, key.lastIndexOf("/")))) this.#own.add(key);
  }

  #remove(at: Directory, name: Buffer, path: string): void {
    this.#tree.forget(path);
    removeTree(this.#change(at).fd, name);
    for (const known of [this.#times, this.#own]) {
      for (const key of known.keys()) if (key === path || key.startsWith(`${path}/`)) known.delete(key);
    }
  }
}
