import { LayerfsError } from "../../core/errors.ts";
import type { Timespec } from "../../core/timespec.ts";
import { readlinkat, tryLinkat, tryMknodat, utimensat } from "../../sys/at.ts";
import { copyNode } from "../../sys/copy-node.ts";
import { ELOOP, ENOTDIR, systemError } from "../../sys/errno.ts";
import { S_IFCHR } from "../../sys/flags.ts";
import { removeTree } from "../../sys/remove-tree.ts";
import { getXattr, listXattrs, setXattr } from "../../sys/xattr.ts";
import type { TarEntry } from "../../tar/entry.ts";
import type { Directory, Found } from "../../union/change-target.ts";
import { joinKey, printableKey } from "../../union/entry-path.ts";
import { isOverlayXattr } from "../../union/xattrs.ts";
import { type LowerNode, LowerStack } from "../lower-stack.ts";
import { DiskTree, type OpenDirectory } from "./disk-tree.ts";
import { type LayerWriter, LowersNeeded, type WrittenLayer } from "./layer-writer.ts";
import { makeLink } from "./make-link.ts";
import { type DirectoryAttributes, NodeWriter, type NodeWriterOptions } from "./node-writer.ts";
import { ReservedFiles } from "./reserved-files.ts";
import { impliedDirectory } from "./tree-target.ts";

const ROOT: Directory = { path: "" };
const HERE = Buffer.from(".");

export interface OverlayTargetOptions extends NodeWriterOptions {
  /**
   * The directories below, topmost first; null while they are not complete. A lookup that needs them then throws
   * LowersNeeded, and the layer is to be written again from its start once they are.
   */
  readonly lowers: readonly string[] | null;
  /** The xattr that makes a directory opaque: `trusted.overlay.opaque`, or `user.overlay.opaque` in a user namespace. */
  readonly opaqueXattr: string;
}

/**
 * Writes a layer as an overlayfs directory: its own files, with whiteouts and opaque directories as overlayfs has
 * them. The changeset rules hold where overlayfs alone would differ: an opaque root is told to the caller, a whiteout
 * of nothing is not made (overlayfs would show it as a device), a hard link to a lower file carries the file up.
 */
export function overlayTarget(rootFd: number, options: OverlayTargetOptions): LayerWriter {
  return new OverlayTarget(rootFd, options);
}

interface NamedPlace {
  readonly at: Directory;
  readonly name: Buffer;
}

class OverlayTarget implements LayerWriter {
  readonly root = ROOT;
  readonly #tree: DiskTree;
  readonly #nodes: NodeWriter;
  readonly #reserved: ReservedFiles;
  readonly #options: OverlayTargetOptions;
  #stack: LowerStack | null;
  #ownRoot = false;
  /** Paths whose lower version is hidden; made real by `finish`. */
  readonly #hidden = new Map<string, NamedPlace>();
  /** What the layers below have that is here too because a hard link leads there: files, and directories on the way. */
  readonly #carried = new Map<string, NamedPlace>();
  /** Directories that show nothing of the layers below. */
  readonly #opaque = new Set<string>();
  readonly #times = new Map<string, Timespec>();

  constructor(rootFd: number, options: OverlayTargetOptions) {
    this.#tree = new DiskTree(rootFd);
    this.#nodes = new NodeWriter(options);
    this.#reserved = new ReservedFiles(this.#nodes);
    this.#options = options;
    this.#stack = options.lowers === null ? null : new LowerStack(options.lowers);
  }

  lookup(at: Directory, name: Buffer): Found {
    const stat = this.#tree.stat(at.path, name);
    const lower = stat === null ? this.#below(at.path, name) : null;
    const kind = (stat ?? lower?.stat)?.kind;
    if (kind === undefined) return { kind: "absent" };
    if (kind === "directory") return { kind: "directory" };
    if (kind !== "symlink") return { kind: "other" };
    const target = lower === null ? readlinkat(this.#tree.directory(at.path).fd, name) : this.#lowers().readlink(lower);
    return { kind: "symlink", target };
  }

  enter(at: Directory, name: Buffer): Directory {
    return { path: joinKey(at.path, name) };
  }

  makeParent(at: Directory, name: Buffer): Directory {
    const path = joinKey(at.path, name);
    const attributes = impliedDirectory(name);
    if (!this.#createDirectory(at, name, path, attributes)) this.#replaceByDirectory(at, name, path, attributes);
    return { path };
  }

  put(at: Directory, name: Buffer, entry: TarEntry): boolean {
    const path = joinKey(at.path, name);
    const into = this.#own(at);
    if (entry.kind === "directory") return this.#putDirectory(at, name, path, entry);
    if (this.#nodes.create(into, name, entry)) return false;
    this.#remove(at, name, path);
    this.#nodes.create(this.#own(at), name, entry);
    return true;
  }

  putRoot(entry: TarEntry): void {
    this.#resetRoot(entry);
    this.#ownRoot = true;
  }

  link(at: Directory, name: Buffer, to: Directory, toName: Buffer, entry: TarEntry): boolean {
    if (this.#tree.stat(to.path, toName) === null) this.#carryUp(to, toName);
    return this.#link(at, name, entry, (into) => tryLinkat(this.#tree.directory(to.path).fd, toName, into.fd, name));
  }

  putReserved(path: string, entry: TarEntry): void {
    this.#reserved.put(path, entry, this.#tree.directory(""));
  }

  linkReserved(at: Directory, name: Buffer, path: string, entry: TarEntry): boolean {
    return this.#link(at, name, entry, (into) => this.#reserved.link(path, into, name));
  }

  whiteout(at: Directory, name: Buffer): void {
    const path = joinKey(at.path, name);
    this.#dropCarried((key) => isWithin(key, path));
    this.#hidden.set(path, { at, name });
    if (this.#tree.stat(at.path, name)?.kind === "directory") this.#opaque.add(path);
  }

  opaque(at: Directory): void {
    this.#dropCarried((key) => key !== at.path && isWithin(key, at.path));
    this.#opaque.add(at.path);
  }

  write(bytes: Buffer, position: number): void {
    this.#nodes.write(bytes, position);
  }

  endEntry(): void {
    this.#nodes.endFile();
  }

  finish(lowers: readonly string[]): WrittenLayer {
    this.#stack ??= new LowerStack(lowers);
    if (!this.#ownRoot) this.#copyRootAttributes();
    for (const [path, { at, name }] of this.#hidden) this.#makeWhiteout(path, at, name);
    for (const path of this.#opaque) this.#makeOpaque(path);
    for (const [path, mtime] of this.#times) {
      const opened = this.#tree.tryDirectory(path);
      if (typeof opened !== "number") utimensat(opened.fd, HERE, mtime);
    }
    return { cutsLowers: this.#opaque.has("") && lowers.length > 0, warnings: this.#options.warnings.list() };
  }

  [Symbol.dispose](): void {
    this.#nodes.abort();
    this.#reserved[Symbol.dispose]();
    this.#tree[Symbol.dispose]();
    this.#stack?.[Symbol.dispose]();
  }

  #putDirectory(at: Directory, name: Buffer, path: string, entry: TarEntry): boolean {
    if (this.#createDirectory(at, name, path, entry)) return false;
    if (this.#tree.stat(at.path, name)?.kind !== "directory") {
      this.#replaceByDirectory(at, name, path, entry);
      return true;
    }
    this.#claim(path);
    this.#nodes.resetDirectory(this.#own(at), name, entry);
    this.#tree.noteMode(path, entry.mode);
    this.#times.set(path, entry.mtime);
    return false;
  }

  /** Returns false where this layer has something there. */
  #createDirectory(at: Directory, name: Buffer, path: string, attributes: DirectoryAttributes): boolean {
    if (!this.#nodes.createDirectory(this.#own(at), name, attributes)) return false;
    if (this.#hidden.has(path)) this.#opaque.add(path);
    this.#times.set(path, attributes.mtime);
    return true;
  }

  /** What is replaced had already replaced what the layers below have there. */
  #replaceByDirectory(at: Directory, name: Buffer, path: string, attributes: DirectoryAttributes): void {
    this.#remove(at, name, path);
    this.#createDirectory(at, name, path, attributes);
    this.#opaque.add(path);
  }

  #link(at: Directory, name: Buffer, entry: TarEntry, make: (into: OpenDirectory) => number): boolean {
    const path = joinKey(at.path, name);
    const replaced = makeLink(
      path,
      () => make(this.#own(at)),
      () => this.#remove(at, name, path),
    );
    this.#nodes.applyLinkEntry(this.#tree.directory(at.path), name, entry);
    return replaced;
  }

  #lowers(): LowerStack {
    if (this.#stack === null) throw new LowersNeeded();
    return this.#stack;
  }

  /** What the layers below show at `name`, as far as this layer lets them. */
  #below(directory: string, name: Buffer): LowerNode | null {
    const path = joinKey(directory, name);
    if (this.#hidden.has(path) || this.#isCut(directory)) return null;
    return this.#lowers().find(directory, name.toString("latin1"));
  }

  /** Whether this layer hides what the layers below have in `directory`. */
  #isCut(directory: string): boolean {
    if (this.#opaque.has("")) return true;
    for (let key = directory; key !== ""; key = parentOf(key)) {
      if (this.#opaque.has(key) || this.#hidden.has(key)) return true;
    }
    return false;
  }

  /** Opens a directory that the layer itself changes. */
  #own(at: Directory): OpenDirectory {
    this.#claim(at.path);
    return this.#open(at.path);
  }

  /** Opens a directory of this layer; one that only the layers below have is made here with the same attributes. */
  #open(path: string): OpenDirectory {
    const opened = this.#tree.tryDirectory(path);
    if (typeof opened !== "number") return opened;
    const parent = parentOf(path);
    const name = nameOf(path);
    const node = this.#below(parent, name);
    if (node === null) {
      throw new LayerfsError("INVALID_LAYER", `${printableKey(path)}: this directory is not there any more`);
    }
    const attributes = lowerAttributes(node, name);
    this.#nodes.createDirectory(this.#open(parent), name, attributes);
    this.#times.set(path, attributes.mtime);
    return this.#tree.directory(path);
  }

  /** Opens `path` as a directory that is here because a hard link leads there. */
  #carryDirectories(path: string): void {
    for (let key = path; key !== "" && typeof this.#tree.tryDirectory(key) === "number"; key = parentOf(key)) {
      this.#carried.set(key, { at: { path: parentOf(key) }, name: nameOf(key) });
    }
    this.#open(path);
  }

  #carryUp(at: Directory, name: Buffer): void {
    const node = this.#below(at.path, name);
    if (node === null)
      throw new LayerfsError("INVALID_LAYER", `${printableKey(joinKey(at.path, name))}: not there any more`);
    this.#carryDirectories(at.path);
    copyNode(node.rootFd, node.path, this.#tree.directory(at.path).fd, name);
    this.#carried.set(joinKey(at.path, name), { at, name });
  }

  /** Takes away what is here only because hard links lead there, out of what `isHidden`. */
  #dropCarried(isHidden: (path: string) => boolean): void {
    for (const [path, { at, name }] of this.#carried) {
      if (!isHidden(path)) continue;
      this.#carried.delete(path);
      this.#tree.forget(path);
      const parent = this.#tree.tryDirectory(at.path);
      if (typeof parent !== "number") removeTree(parent.fd, name);
    }
  }

  /** What the layer itself puts something into stays whatever the layer hides. */
  #claim(directory: string): void {
    if (this.#carried.size === 0) return;
    for (let key = directory; key !== ""; key = parentOf(key)) this.#carried.delete(key);
  }

  #copyRootAttributes(): void {
    const root = this.#lowers().root();
    this.#resetRoot(root === null ? impliedDirectory(HERE) : lowerAttributes(root, HERE));
  }

  #resetRoot(attributes: DirectoryAttributes): void {
    this.#nodes.resetDirectory(this.#tree.directory(""), HERE, attributes);
    this.#tree.noteMode("", attributes.mode);
    this.#times.set("", attributes.mtime);
  }

  /** Whether this layer has something else than a directory at `path` or above it. */
  #isCovered(path: string): boolean {
    const opened = this.#tree.tryDirectory(path);
    return opened === -ENOTDIR || opened === -ELOOP;
  }

  #makeWhiteout(path: string, at: Directory, name: Buffer): void {
    if (this.#isCovered(at.path) || this.#isCut(at.path) || this.#tree.stat(at.path, name) !== null) return;
    if (this.#lowers().find(at.path, name.toString("latin1")) === null) return;
    const made = tryMknodat(this.#own(at).fd, name, S_IFCHR, 0, 0);
    if (made < 0) throw systemError(made, "create whiteout", printableKey(path));
  }

  #makeOpaque(path: string): void {
    if (path === "" || this.#isCovered(path)) return;
    const parent = parentOf(path);
    const name = nameOf(path);
    if (this.#isCut(parent) || this.#lowers().find(parent, name.toString("latin1"))?.stat.kind !== "directory") return;
    this.#own({ path });
    setXattr(this.#own({ path: parent }).fd, name, this.#options.opaqueXattr, Buffer.from("y"));
  }

  #remove(at: Directory, name: Buffer, path: string): void {
    this.#tree.forget(path);
    removeTree(this.#own(at).fd, name);
    for (const known of [this.#opaque, this.#carried]) {
      for (const key of known.keys()) if (isWithin(key, path)) known.delete(key);
    }
  }
}

function parentOf(path: string): string {
  return path.slice(0, Math.max(0, path.lastIndexOf("/")));
}

function nameOf(path: string): Buffer {
  return Buffer.from(path.slice(path.lastIndexOf("/") + 1), "latin1");
}

function isWithin(key: string, directory: string): boolean {
  return directory === "" || key === directory || key.startsWith(`${directory}/`);
}

/** The attributes that a lower directory hands on to its copy in this layer. */
function lowerAttributes(node: LowerNode, name: Buffer): DirectoryAttributes {
  const xattrs = new Map<string, Buffer>();
  for (const key of listXattrs(node.rootFd, node.path)) {
    if (isOverlayXattr(key)) continue;
    const value = getXattr(node.rootFd, node.path, key);
    if (value !== null) xattrs.set(key, value);
  }
  const { uid, gid, mode, mtime } = node.stat;
  return { name, uid, gid, mode, mtime, xattrs };
}
