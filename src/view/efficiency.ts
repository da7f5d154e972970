import type { TarEntry } from "../tar/entry.ts";
import { cleanPath } from "../union/entry-path.ts";

/**
 * How much of an image is kept more than once, as dive (github.com/wagoodman/dive, `filetree.Efficiency`) counts it, so
 * that thresholds set for dive hold here too. It looks at the entries of the layers alone: the leaves of each layer's
 * tree, a whiteout as the path that it deletes with the sizes of all that was in it, opaque markers not at all.
 */
export interface Efficiency {
  /** Sum of the smallest size of each path over the sum of all its sizes; 1 where all are 0. */
  readonly efficiency: number;
  /** Bytes of the entries of all layers. */
  readonly sizeBytes: number;
  /** The same without the lowest layer. */
  readonly userSizeBytes: number;
  /** All bytes of the paths that more than one layer has or deletes. */
  readonly wastedBytes: number;
  /** `wastedBytes` over `userSizeBytes`; 0 where that is 0. It may be more than 1. */
  readonly wastedUserPercent: number;
  /** Those paths, the one with the most bytes first. */
  readonly inefficient: readonly InefficientPath[];
}

export interface InefficientPath {
  /** Bytes, with a leading `/`. */
  readonly path: Buffer;
  /** In how many layers it is, as a file or as a whiteout. */
  readonly count: number;
  readonly bytes: number;
}

export interface EfficiencyMeter {
  /** Begins the next layer, lowest first. */
  layer(): void;
  add(entry: TarEntry): void;
  /** Call it once, after the last entry. */
  result(): Efficiency;
}

export function efficiencyMeter(): EfficiencyMeter {
  return new Meter();
}

/** A node of one layer's tree. */
interface Node {
  size: number;
  isDirectory: boolean;
  children: Map<string, Node> | null;
}

/** A path of the layers so far. It stays when a layer deletes it, for its sizes count all the same. */
interface StackedPath extends Node {
  isThere: boolean;
  children: Map<string, StackedPath> | null;
  /** Of the sizes that the layers have for it, and how many of them there are. */
  smallest: number;
  total: number;
  count: number;
}

const WHITEOUT = ".wh.";
const RESERVED = ".wh..wh..";

class Meter implements EfficiencyMeter {
  readonly #stacked = emptyPath();
  #own: Node | null = null;
  #layers = 0;
  #sizeBytes = 0;
  #userSizeBytes = 0;

  layer(): void {
    this.#endLayer();
    this.#own = emptyNode();
    this.#layers++;
  }

  add(entry: TarEntry): void {
    this.#sizeBytes += entry.size;
    if (this.#layers > 1) this.#userSizeBytes += entry.size;
    let node = this.#own ?? emptyNode();
    const names = cleanPath(entry.name).map((name) => name.toString("latin1"));
    for (const name of names) {
      const next = node.children?.get(name);
      if (next === undefined && name.startsWith(RESERVED)) return;
      node = next ?? addChild(node, name);
    }
    if (names.length === 0) return;
    node.size = entry.size;
    node.isDirectory = entry.kind === "directory";
  }

  result(): Efficiency {
    this.#endLayer();
    let smallest = 0;
    let total = 0;
    let wastedBytes = 0;
    const inefficient: InefficientPath[] = [];
    for (const { path, node } of nodesOf(this.#stacked)) {
      smallest += node.smallest;
      total += node.total;
      if (node.count < 2) continue;
      wastedBytes += node.total;
      inefficient.push({ path: Buffer.from(path, "latin1"), count: node.count, bytes: node.total });
    }
    inefficient.sort((a, b) => b.bytes - a.bytes || a.path.compare(b.path));
    return {
      efficiency: total === 0 ? 1 : smallest / total,
      sizeBytes: this.#sizeBytes,
      userSizeBytes: this.#userSizeBytes,
      wastedBytes,
      wastedUserPercent: this.#userSizeBytes === 0 ? 0 : wastedBytes / this.#userSizeBytes,
      inefficient,
    };
  }

  #endLayer(): void {
    if (this.#own === null) return;
    for (const { path, parent, name, node } of nodesOf(this.#own)) {
      if (node.children === null) this.#count(path, parent, name, node.size);
    }
    stack(this.#stacked, this.#own);
    this.#own = null;
  }

  #count(path: string, parent: string, name: string, size: number): void {
    if (!name.startsWith(WHITEOUT)) {
      note(pathAt(this.#stacked, path), size);
      return;
    }
    const node = find(this.#stacked, `${parent}/${name.slice(WHITEOUT.length)}`);
    if (node !== null) note(node, node.isDirectory ? sizeBelow(node) : 0);
  }
}

function note(path: StackedPath, size: number): void {
  path.smallest = path.count === 0 ? size : Math.min(path.smallest, size);
  path.total += size;
  path.count++;
}

function emptyNode(): Node {
  return { size: 0, isDirectory: false, children: null };
}

function emptyPath(): StackedPath {
  return { size: 0, isDirectory: false, children: null, isThere: false, smallest: 0, total: 0, count: 0 };
}

function addChild(node: Node, name: string): Node {
  const child = emptyNode();
  node.children ??= new Map();
  node.children.set(name, child);
  return child;
}

interface Placed<N extends Node> {
  readonly path: string;
  readonly parent: string;
  readonly name: string;
  readonly node: N;
}

/** All nodes below, without recursion, for a tree may be deeper than the stack. */
function* nodesOf<N extends Node>(root: N): Generator<Placed<N>> {
  const todo = childrenOf("", root);
  for (let placed = todo.pop(); placed !== undefined; placed = todo.pop()) {
    yield placed;
    for (const child of childrenOf(placed.path, placed.node)) todo.push(child);
  }
}

function childrenOf<N extends Node>(parent: string, { children }: N): Placed<N>[] {
  const nodes = (children ?? new Map()) as ReadonlyMap<string, N>;
  return Array.from(nodes, ([name, node]) => ({ path: `${parent}/${name}`, parent, name, node }));
}

/** Puts a layer on those below, deletions first, so that what it puts itself stays. */
function stack(below: StackedPath, layer: Node): void {
  for (const { parent, name } of nodesOf(layer)) {
    if (name.startsWith(WHITEOUT)) remove(find(below, `${parent}/${name.slice(WHITEOUT.length)}`));
  }
  for (const { path, name, node } of nodesOf(layer)) {
    if (name.startsWith(WHITEOUT)) continue;
    const target = pathAt(below, path, appear);
    target.size = node.size;
    target.isDirectory = node.isDirectory;
  }
}

/** The path with all above it, also where it is not there; `onWay` is called for each of them from the top. */
function pathAt(root: StackedPath, path: string, onWay?: (path: StackedPath) => void): StackedPath {
  let at = root;
  for (const name of path.slice(1).split("/")) {
    at.children ??= new Map();
    const next = at.children.get(name) ?? emptyPath();
    at.children.set(name, next);
    onWay?.(next);
    at = next;
  }
  return at;
}

function appear(path: StackedPath): void {
  if (path.isThere) return;
  path.isThere = true;
  path.size = 0;
  path.isDirectory = false;
}

function remove(path: StackedPath | null): void {
  if (path === null) return;
  path.isThere = false;
  for (const { node } of nodesOf(path)) node.isThere = false;
}

/** What is there. */
function find(root: StackedPath, path: string): StackedPath | null {
  let node = root;
  for (const name of path.slice(1).split("/")) {
    const next = node.children?.get(name);
    if (!next?.isThere) return null;
    node = next;
  }
  return node;
}

function sizeBelow(path: StackedPath): number {
  let size = path.size;
  for (const { node } of nodesOf(path)) if (node.isThere) size += node.size;
  return size;
}
