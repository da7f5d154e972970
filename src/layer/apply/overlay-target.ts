import { LayerfsError, printable } from "../../core/errors.ts";
import type { Timespec } from "../../core/timespec.ts";
import { readlinkat, tryLinkat, tryLinkDescriptor, tryMknodat, utimensat } from "../../sys/at.ts";
import { copyNode } from "../../sys/copy-node.ts";
import { EEXIST, ENOENT, systemError } from "../../sys/errno.ts";
import { S_IFCHR } from "../../sys/flags.ts";
import { removeTree } from "../../sys/remove-tree.ts";
import { getXattr, listXattrs, setXattr } from "../../sys/xattr.ts";
import type { TarEntry } from "../../tar/entry.ts";
import type { Directory, Found } from "../../union/change-target.ts";
import { joinKey, printableKey } from "../../union/entry-path.ts";
import { DiskTree, type OpenDirectory } from "./disk-tree.ts";
import { type LayerWriter, LowersNeeded, type WrittenLayer } from "./layer-writer.ts";
import { type LowerNode, LowerStack } from "./lower-stack.ts";
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

class OverlayTarget implements LayerWriter {
  readonly root = ROOT;
  readonly #tree: DiskTree;
  readonly #nodes: NodeWriter;
  readonly #reserved: ReservedFiles;
  readonly #options: OverlayTargetOptions;
  #stack: LowerStack | null;
  #ownRoot = false;
  /** Paths whose lower version is hidden; made real by `finish`. */
  readonly #hidden = new Map<string, { readonly at: Directory; readonly name: Buffer }>();
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
    if (!this.#nodes.createDirectory(this.#own(at), name, attributes)) {
      this.#remove(at, name, path);
      this.#nodes.createDirectory(this.#own(at), name, attributes);
    }
    this.#times.set(path, attributes.mtime);
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
    this.#nodes.resetDirectory(this.#tree.directory(""), HERE, entry);
    this.#times.set("", entry.mtime);
    this.#ownRoot = true;
  }

  link(at: Directory, name: Buffer, to: Directory, toName: Buffer): boolean {
    if (this.#tree.stat(to.path, toName) === null) this.#carryUp(to, toName);
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
    this.#hidden.set(path, { at, name });
    if (this.#tree.stat(at.path, name)?.kind === "directory") this.#opaque.add(path);
  }

  opaque(at: Directory): void {
    this.#opaque.add(at.path);
  }

  write(bytes: Buffer, position: number): void {
    this.#nodes.write(bytes, position);
  }

  endEntry(): void {
    this.#reserved.endEntry();
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
    this.#times.set(path, entry.mtime);
    if (this.#hidden.has(path)) this.#opaque.add(path);
    const into = this.#own(at);
    if (this.#nodes.createDirectory(into, name, entry)) return false;
    if (this.#tree.stat(at.path, name)?.kind === "directory") {
      this.#nodes.resetDirectory(into, name, entry);
      return false;
    }
    this.#remove(at, name, path);
    this.#times.set(path, entry.mtime);
    this.#nodes.createDirectory(this.#own(at), name, entry);
    return true;
  }

  #link(at: Directory, name: Buffer, make: (into: OpenDirectory) => number): boolean {
    const path = joinKey(at.path, name);
    let result = make(this.#own(at));
    const replaced = result === -EEXIST;
    if (replaced) {
      this.#remove(at, name, path);
      result = make(this.#own(at));
    }
    if (result === -ENOENT) {
      throw new LayerfsError(
        "INVALID_LAYER",
        `${printableKey(path)}: the target of this hard link is not there any more`,
      );
    }
    if (result < 0) throw systemError(result, "link", printable(name));
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
    for (let key = directory; key !== ""; key = key.slice(0, Math.max(0, key.lastIndexOf("/")))) {
      if (this.#opaque.has(key) || this.#hidden.has(key)) return true;
    }
    return false;
  }

  /** Opens a directory of this layer; one that only the layers below have is made here with the same attributes. */
  #own(at: Directory): OpenDirectory {
    const opened = this.#tree.tryDirectory(at.path);
    if (typeof opened !== "number") return opened;
    const slash = at.path.lastIndexOf("/");
    const parent = { path: at.path.slice(0, Math.max(0, slash)) };
    const name = Buffer.from(at.path.slice(slash + 1), "latin1");
    const node = this.#below(parent.path, name);
    if (node === null)
      throw new LayerfsError("INVALID_LAYER", `${printableKey(at.path)}: this directory is not there any more`);
    const attributes = lowerAttributes(node, name);
    this.#nodes.createDirectory(this.#own(parent), name, attributes);
    this.#times.set(at.path, attributes.mtime);
    return this.#tree.directory(at.path);
  }

  #carryUp(at: Directory, name: Buffer): void {
    const node = this.#below(at.path, name);
    if (node === null)
      throw new LayerfsError("INVALID_LAYER", `${printableKey(joinKey(at.path, name))}: not there any more`);
    copyNode(node.rootFd, node.path, this.#own(at).fd, name);
  }

  #copyRootAttributes(): void {
    const root = this.#lowers().root();
    const attributes = root === null ? impliedDirectory(HERE) : lowerAttributes(root, HERE);
    this.#nodes.resetDirectory(this.#tree.directory(""), HERE, attributes);
    this.#times.set("", attributes.mtime);
  }

  #makeWhiteout(path: string, at: Directory, name: Buffer): void {
    if (this.#tree.stat(at.path, name) !== null || this.#isCut(at.path)) return;
    if (this.#lowers().find(at.path, name.toString("latin1")) === null) return;
    const made = tryMknodat(this.#own(at).fd, name, S_IFCHR, 0, 0);
    if (made < 0) throw systemError(made, "create whiteout", printableKey(path));
  }

  #makeOpaque(path: string): void {
    if (path === "") return;
    const slash = path.lastIndexOf("/");
    const parent = path.slice(0, Math.max(0, slash));
    const name = Buffer.from(path.slice(slash + 1), "latin1");
    if (this.#isCut(parent) || this.#lowers().find(parent, name.toString("latin1"))?.stat.kind !== "directory") return;
    this.#own({ path });
    setXattr(this.#own({ path: parent }).fd, name, this.#options.opaqueXattr, Buffer.from("y"));
  }

  #remove(at: Directory, name: Buffer, path: string): void {
    this.#tree.forget(path);
    removeTree(this.#own(at).fd, name);
    for (const known of [this.#times, this.#opaque]) {
      for (const key of known.keys()) if (key === path || key.startsWith(`${path}/`)) known.delete(key);
    }
  }
}

/** The attributes that a lower directory hands on to its copy in this layer. */
function lowerAttributes(node: LowerNode, name: Buffer): DirectoryAttributes {
  const xattrs = new Map<string, Buffer>();
  for (const key of listXattrs(node.rootFd, node.path)) {
    if (/^(trusted|user)\.overlay\./.test(key)) continue;
    const value = getXattr(node.rootFd, node.path, key);
    if (value !== null) xattrs.set(key, value);
  }
  const { uid, gid, mode, mtime } = node.stat;
  return { name, uid, gid, mode, mtime, xattrs };
}
