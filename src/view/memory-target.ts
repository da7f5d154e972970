import { LayerfsError } from "../core/errors.ts";
import type { EntryKind, TarEntry } from "../tar/entry.ts";
import type { ChangeTarget, Found } from "../union/change-target.ts";
import { printableKey } from "../union/entry-path.ts";
import { allowsXattr, isOverlayXattr } from "../union/xattrs.ts";
import { walk } from "./lookup.ts";
import type { HiddenNode } from "./merged-tree.ts";
import type { DirectoryNode, LeafNode, PlacedNode } from "./node.ts";

/** A directory that grows, as all in a memory target do. */
interface GrowingDirectory extends DirectoryNode {
  readonly children: Map<string, GrowingNode>;
}

type GrowingNode = GrowingDirectory | LeafNode;

/** A directory, and how it was reached. */
export interface GrowingPlace extends PlacedNode<GrowingDirectory> {
  readonly above: GrowingPlace | null;
}

type Place = GrowingPlace;

/** A merged tree that layers are applied to one after the other, lowest first. */
export interface MemoryTarget {
  readonly root: GrowingDirectory;
  /** The tree as the changeset algorithm wants it for the layer `index`. */
  layer(index: number): LayerTarget;
}

export interface LayerTarget extends ChangeTarget<Place> {
  /** The name, as a key, under which the layer has the file of the next entry. */
  storedAt(path: string): void;
}

/** `onHidden`: see `MergeOptions`. */
export function memoryTarget(onHidden?: (hidden: HiddenNode) => void): MemoryTarget {
  const root = impliedDirectory(-1);
  return { root, layer: (index) => new LayerInMemory(root, index, onHidden) };
}

const ABSENT: Found = { kind: "absent" };
const DIRECTORY: Found = { kind: "directory" };
const OTHER: Found = { kind: "other" };

class LayerInMemory implements LayerTarget {
  readonly root: Place;
  readonly #layer: number;
  /** Directories of the layers below that something of this layer was put into. */
  readonly #entered = new Set<GrowingDirectory>();
  /** Hard links that this layer has made to files of the layers below, which stay theirs. */
  readonly #linked = new Set<string>();
  /** Files of the layers below that a hard link has brought into this one. */
  readonly #carried = new Set<string>();
  readonly #reserved = new Map<string, LeafNode>();
  readonly #onHidden: ((hidden: HiddenNode) => void) | undefined;
  #storedPath = "";

  constructor(root: GrowingDirectory, layer: number, onHidden: ((hidden: HiddenNode) => void) | undefined) {
    this.root = { path: "", node: root, above: null };
    this.#layer = layer;
    this.#onHidden = onHidden;
  }

  storedAt(path: string): void {
    this.#storedPath = path;
  }

  lookup(at: Place, name: Buffer): Found {
    const node = at.node.children.get(name.toString("latin1"));
    if (node === undefined) return ABSENT;
    if (node.kind === "directory") return DIRECTORY;
    return node.kind === "symlink" ? { kind: "symlink", target: Buffer.from(node.target, "latin1") } : OTHER;
  }

  enter(at: Place, name: Buffer): Place {
    const key = name.toString("latin1");
    return { path: join(at, key), node: at.node.children.get(key) as GrowingDirectory, above: at };
  }

  makeParent(at: Place, name: Buffer): Place {
    const key = name.toString("latin1");
    const node = impliedDirectory(this.#layer);
    this.#place(at, key, node);
    return { path: join(at, key), node, above: at };
  }

  put(at: Place, name: Buffer, entry: TarEntry): boolean {
    const key = name.toString("latin1");
    const present = entry.kind === "directory" ? at.node.children.get(key) : undefined;
    if (present?.kind === "directory") {
      setAttributes(present, entry);
      present.layer = this.#layer;
      this.#enter(at);
      return false;
    }
    const storedPath = isPath(this.#storedPath, at, key) ? null : this.#storedPath;
    return this.#place(at, key, makeNode(entry, this.#layer, storedPath));
  }

  putRoot(entry: TarEntry): void {
    setAttributes(this.root.node, entry);
    this.root.node.layer = this.#layer;
  }

  link(at: Place, name: Buffer, to: Place, toName: Buffer, entry: TarEntry): boolean {
    const key = name.toString("latin1");
    const node = this.#carryUp(to, toName.toString("latin1"));
    node.storedPath ??= join(to, toName.toString("latin1"));
    applyLinkAttributes(node, entry);
    node.names++;
    if (node.layer !== this.#layer) this.#linked.add(join(at, key));
    return this.#place(at, key, node);
  }

  putReserved(path: string, entry: TarEntry): void {
    if (entry.kind === "file")
      this.#reserved.set(path, { ...(makeNode(entry, this.#layer, null) as LeafNode), names: 0 });
  }

  linkReserved(at: Place, name: Buffer, path: string, entry: TarEntry): boolean {
    const node = this.#reserved.get(path);
    if (node === undefined) {
      throw new LayerfsError("INVALID_LAYER", `hard link to ${printableKey(path)}, but it is not there`);
    }
    node.storedPath ??= this.#storedPath;
    applyLinkAttributes(node, entry);
    node.names++;
    return this.#place(at, name.toString("latin1"), node);
  }

  whiteout(at: Place, name: Buffer): void {
    const key = name.toString("latin1");
    const node = at.node.children.get(key);
    if (node !== undefined) this.#hide([{ at, name: key, node }], "deleted");
  }

  opaque(at: Place): void {
    this.#hide(childrenOf(at), "hidden");
  }

  /** Removes what is not the layer's own. Without recursion, for a tree may be deeper than the stack. */
  #hide(todo: Child[], how: HiddenNode["how"]): void {
    for (let child = todo.pop(); child !== undefined; child = todo.pop()) {
      const { at, name, node } = child;
      const path = join(at, name);
      if (!this.#isOwn(path, node)) {
        at.node.children.delete(name);
        this.#report({ path, node }, how, how);
        dropNames(node);
      } else if (node.kind === "directory") {
        todo.push(...childrenOf({ path, node }));
      }
    }
  }

  /** Returns whether something was replaced. */
  #place(at: Place, key: string, node: GrowingNode): boolean {
    const present = at.node.children.get(key);
    at.node.children.set(key, node);
    if (present !== undefined) {
      this.#report({ path: join(at, key), node: present }, "replaced", "displaced");
      dropNames(present);
    }
    this.#enter(at);
    return present !== undefined;
  }

  /** Tells of a node that is hidden, and of all below it. */
  #report(place: PlacedNode, how: HiddenNode["how"], howBelow: HiddenNode["how"]): void {
    if (this.#onHidden === undefined) return;
    for (const hidden of walk(place))
      this.#onHidden({ ...hidden, by: this.#layer, how: hidden.path === place.path ? how : howBelow });
  }

  /** The file that a hard link names, as this layer's: other names that it has in the layers below keep the old one. */
  #carryUp(at: Place, key: string): LeafNode {
    const path = join(at, key);
    const node = at.node.children.get(key) as LeafNode;
    if (this.#isOwn(path, node) || this.#carried.has(path)) return node;
    this.#carried.add(path);
    if (node.names === 1) return node;
    const copy = { ...node, names: 1 };
    node.names--;
    at.node.children.set(key, copy);
    return copy;
  }

  /** Whether the layer itself has put the node there, or something below it. */
  #isOwn(path: string, node: GrowingNode): boolean {
    if (node.layer === this.#layer) return true;
    return node.kind === "directory" ? this.#entered.has(node) : this.#linked.has(path);
  }

  #enter(place: Place): void {
    for (let at: Place | null = place; at !== null && !this.#entered.has(at.node); at = at.above)
      this.#entered.add(at.node);
  }
}

interface Child {
  readonly at: PlacedNode<GrowingDirectory>;
  readonly name: string;
  readonly node: GrowingNode;
}

function childrenOf(at: PlacedNode<GrowingDirectory>): Child[] {
  return Array.from(at.node.children, ([name, node]) => ({ at, name, node }));
}

/** Takes note that `node`, and all below it, has lost a name. */
function dropNames(node: GrowingNode): void {
  const todo: GrowingNode[] = [node];
  for (let next = todo.pop(); next !== undefined; next = todo.pop()) {
    if (next.kind === "directory") for (const child of next.children.values()) todo.push(child);
    else next.names--;
  }
}

/** Gives a node the attributes of an entry, but for its layer. */
function setAttributes(node: GrowingNode, entry: TarEntry): void {
  node.mode = modeOf(entry);
  node.uid = entry.uid;
  node.gid = entry.gid;
  node.mtimeSeconds = entry.mtime.seconds;
  node.mtimeNanoseconds = entry.mtime.nanoseconds;
  node.xattrs = keptXattrs(entry.kind, entry);
}

/** Linux gives every symlink all permissions. */
function modeOf(entry: TarEntry): number {
  return entry.kind === "symlink" ? 0o777 : entry.mode;
}

/** Keeps what a layer on disk would have; null for none. */
function keptXattrs(kind: EntryKind, { xattrs }: TarEntry): ReadonlyMap<string, Buffer> | null {
  if (xattrs.size === 0) return null;
  const kept = [...xattrs].filter(([key]) => !isOverlayXattr(key) && allowsXattr(kind, key));
  return kept.length === 0 ? null : new Map(kept.map(([key, value]) => [key, Buffer.from(value)]));
}

/** Written out field by field: an image has tens of thousands of nodes. */
function makeNode(entry: TarEntry, layer: number, storedPath: string | null): GrowingNode {
  const { uid, gid } = entry;
  const { seconds: mtimeSeconds, nanoseconds: mtimeNanoseconds } = entry.mtime;
  const mode = modeOf(entry);
  const xattrs = keptXattrs(entry.kind, entry);
  switch (entry.kind) {
    case "directory":
      return { kind: "directory", mode, uid, gid, mtimeSeconds, mtimeNanoseconds, xattrs, layer, children: new Map() };
    case "symlink": {
      const target = entry.linkname.toString("latin1");
      // biome-ignore format: one node's fields
      return { kind: "symlink", mode, uid, gid, mtimeSeconds, mtimeNanoseconds, xattrs, layer, names: 1, storedPath, target };
    }
    case "char":
    case "block":
    case "fifo": {
      const { major, minor } = deviceOf(entry);
      // biome-ignore format: one node's fields
      return { kind: entry.kind, mode, uid, gid, mtimeSeconds, mtimeNanoseconds, xattrs, layer, names: 1, storedPath, major, minor };
    }
    default:
      // biome-ignore format: one node's fields
      return { kind: "file", mode, uid, gid, mtimeSeconds, mtimeNanoseconds, xattrs, layer, names: 1, storedPath, size: entry.size };
  }
}

function deviceOf(entry: TarEntry): { major: number; minor: number } {
  return entry.kind === "fifo" ? { major: 0, minor: 0 } : { major: entry.devmajor, minor: entry.devminor };
}

/** As the writers on disk do: the attributes of a link entry are those of the file, but of a symlink they are ignored. */
function applyLinkAttributes(node: LeafNode, entry: TarEntry): void {
  if (node.kind === "symlink") return;
  const { xattrs } = node;
  setAttributes(node, entry);
  const added = keptXattrs(node.kind, entry);
  node.xattrs = added === null ? xattrs : new Map([...(xattrs ?? []), ...added]);
}

function impliedDirectory(layer: number): GrowingDirectory {
  const owner = { mode: 0o755, uid: 0, gid: 0 };
  return {
    kind: "directory",
    ...owner,
    mtimeSeconds: 0,
    mtimeNanoseconds: 0,
    xattrs: null,
    layer,
    children: new Map(),
  };
}

function join(at: PlacedNode, key: string): string {
  return at.path === "" ? key : `${at.path}/${key}`;
}

/** Whether `path` is that of the name `key` in `at`. */
function isPath(path: string, at: PlacedNode, key: string): boolean {
  if (at.path === "") return path === key;
  const slash = at.path.length;
  return (
    path.length === slash + 1 + key.length && path[slash] === "/" && path.endsWith(key) && path.startsWith(at.path)
  );
}
