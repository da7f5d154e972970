import { LayerfsError } from "../core/errors.ts";
import type { EntryKind, TarEntry } from "../tar/entry.ts";
import type { ChangeTarget, Found } from "../union/change-target.ts";
import { joinKey, printableKey } from "../union/entry-path.ts";
import { allowsXattr, isOverlayXattr } from "../union/xattrs.ts";
import { walk } from "./lookup.ts";
import type { HiddenNode } from "./merged-tree.ts";
import type { DirectoryNode, LeafNode, PlacedNode } from "./node.ts";

/** A directory that grows, as all in a memory target do. */
interface GrowingDirectory extends DirectoryNode {
  readonly children: Map<string, GrowingNode>;
}

type GrowingNode = GrowingDirectory | LeafNode;
export type GrowingPlace = PlacedNode<GrowingDirectory>;
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

class LayerInMemory implements LayerTarget {
  readonly root: Place;
  readonly #layer: number;
  /** What the layer itself has put, and the directories on the way. */
  readonly #own = new Set<string>([""]);
  /** Files of the layers below that a hard link has brought into this one. */
  readonly #carried = new Set<string>();
  readonly #reserved = new Map<string, LeafNode>();
  readonly #onHidden: ((hidden: HiddenNode) => void) | undefined;
  #storedPath = "";

  constructor(root: GrowingDirectory, layer: number, onHidden: ((hidden: HiddenNode) => void) | undefined) {
    this.root = { path: "", node: root };
    this.#layer = layer;
    this.#onHidden = onHidden;
  }

  storedAt(path: string): void {
    this.#storedPath = path;
  }

  lookup(at: Place, name: Buffer): Found {
    const node = at.node.children.get(name.toString("latin1"));
    if (node === undefined) return { kind: "absent" };
    if (node.kind === "directory") return { kind: "directory" };
    return node.kind === "symlink"
      ? { kind: "symlink", target: Buffer.from(node.target, "latin1") }
      : { kind: "other" };
  }

  enter(at: Place, name: Buffer): Place {
    return { path: joinKey(at.path, name), node: at.node.children.get(name.toString("latin1")) as GrowingDirectory };
  }

  makeParent(at: Place, name: Buffer): Place {
    const node = impliedDirectory(this.#layer);
    this.#place(at, name, node);
    return { path: joinKey(at.path, name), node };
  }

  put(at: Place, name: Buffer, entry: TarEntry): boolean {
    const path = joinKey(at.path, name);
    const present = at.node.children.get(name.toString("latin1"));
    if (entry.kind === "directory" && present?.kind === "directory") {
      Object.assign(present, attributesOf(entry, this.#layer));
      this.#claim(path);
      return false;
    }
    const storedPath = this.#storedPath === path ? null : this.#storedPath;
    return this.#place(at, name, makeNode(entry, this.#layer, storedPath));
  }

  putRoot(entry: TarEntry): void {
    Object.assign(this.root.node, attributesOf(entry, this.#layer));
  }

  link(at: Place, name: Buffer, to: Place, toName: Buffer, entry: TarEntry): boolean {
    const node = this.#carryUp(to, toName);
    node.storedPath ??= joinKey(to.path, toName);
    applyLinkAttributes(node, entry);
    node.names++;
    return this.#place(at, name, node);
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
    return this.#place(at, name, node);
  }

  whiteout(at: Place, name: Buffer): void {
    const node = at.node.children.get(name.toString("latin1"));
    if (node !== undefined) this.#hide([{ at, name: name.toString("latin1"), node }], "deleted");
  }

  opaque(at: Place): void {
    this.#hide(childrenOf(at), "hidden");
  }

  /** Removes what is not the layer's own. Without recursion, for a tree may be deeper than the stack. */
  #hide(todo: Child[], how: HiddenNode["how"]): void {
    for (let child = todo.pop(); child !== undefined; child = todo.pop()) {
      const { at, name, node } = child;
      const path = at.path === "" ? name : `${at.path}/${name}`;
      if (!this.#own.has(path)) {
        at.node.children.delete(name);
        this.#report({ path, node }, how, how);
        dropNames(node);
      } else if (node.kind === "directory") {
        todo.push(...childrenOf({ path, node }));
      }
    }
  }

  /** Returns whether something was replaced. */
  #place(at: Place, name: Buffer, node: GrowingNode): boolean {
    const key = name.toString("latin1");
    const present = at.node.children.get(key);
    at.node.children.set(key, node);
    if (present !== undefined) {
      this.#report({ path: joinKey(at.path, name), node: present }, "replaced", "displaced");
      dropNames(present);
    }
    this.#claim(joinKey(at.path, name));
    return present !== undefined;
  }

  /** Tells of a node that is hidden, and of all below it. */
  #report(place: PlacedNode, how: HiddenNode["how"], howBelow: HiddenNode["how"]): void {
    if (this.#onHidden === undefined) return;
    for (const hidden of walk(place))
      this.#onHidden({ ...hidden, by: this.#layer, how: hidden.path === place.path ? how : howBelow });
  }

  /** The file that a hard link names, as this layer's: other names that it has in the layers below keep the old one. */
  #carryUp(at: Place, name: Buffer): LeafNode {
    const key = name.toString("latin1");
    const path = joinKey(at.path, name);
    const node = at.node.children.get(key) as LeafNode;
    if (this.#own.has(path) || this.#carried.has(path)) return node;
    this.#carried.add(path);
    if (node.names === 1) return node;
    const copy = { ...node, names: 1 };
    node.names--;
    at.node.children.set(key, copy);
    return copy;
  }

  #claim(path: string): void {
    for (let key = path; !this.#own.has(key); key = key.slice(0, Math.max(0, key.lastIndexOf("/")))) this.#own.add(key);
  }
}

interface Child {
  readonly at: Place;
  readonly name: string;
  readonly node: GrowingNode;
}

function childrenOf(at: Place): Child[] {
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

type Attributes = Omit<DirectoryNode, "kind" | "children">;

function attributesOf(entry: TarEntry, layer: number): Attributes {
  return {
    // Linux gives every symlink all permissions.
    mode: entry.kind === "symlink" ? 0o777 : entry.mode,
    uid: entry.uid,
    gid: entry.gid,
    mtimeSeconds: entry.mtime.seconds,
    mtimeNanoseconds: entry.mtime.nanoseconds,
    xattrs: keptXattrs(entry.kind, entry),
    layer,
  };
}

/** Keeps what a layer on disk would have; null for none. */
function keptXattrs(kind: EntryKind, { xattrs }: TarEntry): ReadonlyMap<string, Buffer> | null {
  if (xattrs.size === 0) return null;
  const kept = [...xattrs].filter(([key]) => !isOverlayXattr(key) && allowsXattr(kind, key));
  return kept.length === 0 ? null : new Map(kept.map(([key, value]) => [key, Buffer.from(value)]));
}

function makeNode(entry: TarEntry, layer: number, storedPath: string | null): GrowingNode {
  const attributes = attributesOf(entry, layer);
  switch (entry.kind) {
    case "directory":
      return { kind: "directory", ...attributes, children: new Map() };
    case "symlink":
      return { kind: "symlink", ...attributes, names: 1, storedPath, target: entry.linkname.toString("latin1") };
    case "char":
    case "block":
    case "fifo":
      return { kind: entry.kind, ...attributes, names: 1, storedPath, ...deviceOf(entry) };
    default:
      return { kind: "file", ...attributes, names: 1, storedPath, size: entry.size };
  }
}

function deviceOf(entry: TarEntry): { major: number; minor: number } {
  return entry.kind === "fifo" ? { major: 0, minor: 0 } : { major: entry.devmajor, minor: entry.devminor };
}

/** As the writers on disk do: the attributes of a link entry are those of the file, but of a symlink they are ignored. */
function applyLinkAttributes(node: LeafNode, entry: TarEntry): void {
  if (node.kind === "symlink") return;
  const { layer, xattrs, ...rest } = attributesOf(entry, node.layer);
  Object.assign(node, rest);
  const added = keptXattrs(node.kind, entry);
  if (added !== null) node.xattrs = new Map([...(node.xattrs ?? []), ...added]);
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
