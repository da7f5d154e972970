import { printable } from "../../core/errors.ts";
import type { Timespec } from "../../core/timespec.ts";
import { check, readlinkat, tryLinkat, tryLinkDescriptor, tryRenameat2, tryUnlinkat, utimensat } from "../../sys/at.ts";
import { copyNode } from "../../sys/copy-node.ts";
import { EEXIST, ENOENT, systemError } from "../../sys/errno.ts";
import { close } from "../../sys/file.ts";
import { readDirectory } from "../../sys/read-dir.ts";
import { removeTree } from "../../sys/remove-tree.ts";
import { tryStatat } from "../../sys/stat.ts";
import type { TarEntry } from "../../tar/entry.ts";
import type { Directory, Found } from "../../union/change-target.ts";
import { joinKey } from "../../union/entry-path.ts";
import { DiskTree, type OpenDirectory } from "./disk-tree.ts";
import type { LayerWriter, WrittenLayer } from "./layer-writer.ts";
import { makeLink } from "./make-link.ts";
import { type DirectoryAttributes, NodeWriter, type NodeWriterOptions } from "./node-writer.ts";
import { ReservedFiles } from "./reserved-files.ts";

const ROOT: Directory = { path: "" };
const HERE = Buffer.from(".");

export interface TreeTargetOptions extends NodeWriterOptions {
  /** Give the root the attributes of an implied directory, unless the layer holds an entry for it. */
  readonly implyRoot: boolean;
  /** Give directories the times back that they had, unless the layer holds entries for them; default: true. */
  readonly keepTimes?: boolean;
  /** A file gets its name, and takes that of another, when it is whole: others use the tree meanwhile. */
  readonly nameWhenWhole?: boolean;
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
  /** What the layer itself has put, and the directories on the way. */
  readonly #own = new Set<string>([""]);
  /** Files of the layers below that a hard link has brought into this one. */
  readonly #carried = new Set<string>();
  readonly #times = new Map<string, Timespec>();
  /** The file that is being written, where it gets its name at the end. */
  #unnamed: { readonly fd: number; readonly at: Directory; readonly name: Buffer } | null = null;

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
    this.#resetRoot(entry);
    this.#ownRoot = true;
  }

  link(at: Directory, name: Buffer, to: Directory, toName: Buffer, entry: TarEntry): boolean {
    this.#carryUp(to, toName);
    return this.#link(at, name, entry, (into) => tryLinkat(this.#tree.directory(to.path).fd, toName, into.fd, name));
  }

  putReserved(path: string, entry: TarEntry): void {
    this.#reserved.put(path, entry, this.#tree.directory(""));
  }

  linkReserved(at: Directory, name: Buffer, path: string, entry: TarEntry): boolean {
    return this.#link(at, name, entry, (into) => this.#reserved.link(path, into, name));
  }

  whiteout(at: Directory, name: Buffer): void {
    this.#hide([{ at, name }]);
  }

  opaque(at: Directory): void {
    this.#hide(this.#childrenOf(at));
  }

  write(bytes: Buffer, position: number): void {
    this.#nodes.write(bytes, position);
  }

  endEntry(): void {
    this.#nodes.endFile();
    this.#nameUnnamed();
  }

  finish(): WrittenLayer {
    if (this.#options.implyRoot && !this.#ownRoot) this.#resetRoot(impliedDirectory(HERE));
    for (const [path, mtime] of this.#times) {
      const opened = this.#tree.tryDirectory(path);
      if (typeof opened !== "number") utimensat(opened.fd, HERE, mtime);
    }
    return { cutsLowers: false, warnings: this.#options.warnings.list() };
  }

  [Symbol.dispose](): void {
    this.#nodes.abort();
    if (this.#unnamed !== null) close(this.#unnamed.fd);
    this.#reserved[Symbol.dispose]();
    this.#tree[Symbol.dispose]();
  }

  #resetRoot(attributes: DirectoryAttributes): void {
    this.#nodes.resetDirectory(this.#tree.directory(""), HERE, attributes);
    this.#tree.noteMode("", attributes.mode);
    this.#times.set("", attributes.mtime);
  }

  #putDirectory(at: Directory, name: Buffer, path: string, entry: TarEntry): boolean {
    this.#times.set(path, entry.mtime);
    const into = this.#change(at);
    if (this.#nodes.createDirectory(into, name, entry)) return false;
    if (this.#tree.stat(at.path, name)?.kind === "directory") {
      this.#nodes.resetDirectory(into, name, entry);
      this.#tree.noteMode(path, entry.mode);
      return false;
    }
    this.#remove(at, name, path);
    this.#nodes.createDirectory(this.#change(at), name, entry);
    return true;
  }

  #putOther(at: Directory, name: Buffer, path: string, entry: TarEntry): boolean {
    const isHidden = entry.kind === "file" && this.#options.nameWhenWhole === true;
    const begun = isHidden ? this.#beginUnnamed(at, name, path, entry) : null;
    if (begun !== null) return begun;
    if (this.#nodes.create(this.#change(at), name, entry)) return false;
    this.#remove(at, name, path);
    this.#nodes.create(this.#change(at), name, entry);
    return true;
  }

  /** Null where the file system has no files without a name (overlayfs before Linux 6.1). */
  #beginUnnamed(at: Directory, name: Buffer, path: string, entry: TarEntry): boolean | null {
    const fd = this.#nodes.createUnnamed(this.#change(at), entry);
    if (fd === null) return null;
    this.#unnamed = { fd, at, name };
    const there = this.#tree.stat(at.path, name);
    if (there?.kind === "directory") this.#remove(at, name, path);
    return there !== null;
  }

  #nameUnnamed(): void {
    if (this.#unnamed === null) return;
    const { fd, at, name } = this.#unnamed;
    this.#unnamed = null;
    try {
      nameFile(fd, this.#tree.directory(at.path).fd, name);
    } finally {
      close(fd);
    }
  }

  #link(at: Directory, name: Buffer, entry: TarEntry, make: (into: OpenDirectory) => number): boolean {
    const path = joinKey(at.path, name);
    const replaced = makeLink(
      path,
      () => make(this.#change(at)),
      () => this.#remove(at, name, path),
    );
    this.#nodes.applyLinkEntry(this.#tree.directory(at.path), name, entry);
    this.#claim(path);
    return replaced;
  }

  /** Opens a directory that is about to change; the time that it has now is set again at the end. */
  #change(at: Directory): OpenDirectory {
    const opened = this.#tree.directory(at.path);
    const { keepTimes = true } = this.#options;
    if (keepTimes && !this.#times.has(at.path)) this.#times.set(at.path, opened.mtime);
    return opened;
  }

  #claim(path: string): void {
    for (let key = path; !this.#own.has(key); key = key.slice(0, Math.max(0, key.lastIndexOf("/")))) this.#own.add(key);
  }

  #childrenOf(at: Directory): Child[] {
    return readDirectory(this.#tree.directory(at.path).fd).map(({ name }) => ({ at, name }));
  }

  /** Removes what is not the layer's own. Without recursion, for a tree may be deep. */
  #hide(todo: Child[]): void {
    for (let child = todo.pop(); child !== undefined; child = todo.pop()) {
      const { at, name } = child;
      const path = joinKey(at.path, name);
      const stat = this.#tree.stat(at.path, name);
      if (stat === null) continue;
      if (!this.#own.has(path)) this.#remove(at, name, path);
      else if (stat.kind === "directory") todo.push(...this.#childrenOf({ path }));
    }
  }

  /**
   * Makes the file that a hard link names this layer's, as an overlay directory would have it: where it has further
   * names in the layers below, these keep the old one.
   */
  #carryUp(at: Directory, name: Buffer): void {
    const path = joinKey(at.path, name);
    if (this.#own.has(path) || this.#carried.has(path)) return;
    this.#carried.add(path);
    const stat = this.#tree.stat(at.path, name);
    if (stat === null || stat.nlink === 1) return;
    const { fd } = this.#change(at);
    const copy = freeName(fd);
    copyNode(fd, name, fd, copy);
    const renamed = tryRenameat2(fd, copy, fd, name, 0);
    if (renamed < 0) throw systemError(renamed, "rename", printable(name));
  }

  /** What is noted of paths below `path` stays: whatever comes there again is noted anew. */
  #remove(at: Directory, name: Buffer, path: string): void {
    this.#tree.forget(path);
    removeTree(this.#change(at).fd, name);
  }
}

interface Child {
  readonly at: Directory;
  readonly name: Buffer;
}

/** Gives an open file without a name one, in place of what has it. */
function nameFile(fd: number, directory: number, name: Buffer): void {
  const linked = tryLinkDescriptor(fd, directory, name);
  if (linked !== -EEXIST) {
    check(linked, "name", name);
    return;
  }
  const temporary = freeName(directory);
  check(tryLinkDescriptor(fd, directory, temporary), "name", temporary);
  const renamed = tryRenameat2(directory, temporary, directory, name, 0);
  if (renamed >= 0) return;
  tryUnlinkat(directory, temporary);
  throw systemError(renamed, "replace", name);
}

function freeName(dirfd: number): Buffer {
  for (let number = 0; ; number++) {
    const name = Buffer.from(`.layerfs-${number}`);
    if (tryStatat(dirfd, name) === -ENOENT) return name;
  }
}
