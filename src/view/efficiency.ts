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

interface Node {
  size: number;
  isDirectory: boolean;
  children: Map<string, Node> | null;
}

interface PathSizes {
  smallest: number;
  total: number;
  count: number;
}

const WHITEOUT = ".wh.";
const RESERVED = ".wh..wh..";

class Meter implements EfficiencyMeter {
  readonly #stacked = emptyNode();
  readonly #sizes = new Map<string, PathSizes>();
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
    for (const [path, sizes] of this.#sizes) {
      smallest += sizes.smallest;
      total += sizes.total;
      if (sizes.count < 2) continue;
      wastedBytes += sizes.total;
      inefficient.push({ path: Buffer.from(path, "latin1"), count: sizes.count, bytes: sizes.total });
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
      this.#note(path, size);
      return;
    }
    const deleted = `${parent}/${name.slice(WHITEOUT.length)}`;
    const node = find(this.#stacked, deleted);
    if (node !== null) this.#note(deleted, node.isDirectory ? sizeBelow(node) : 0);
  }

  #note(path: string, size: number): void {
    const sizes = this.#sizes.get(path);
    if (sizes === undefined) {
      this.#sizes.set(path, { smallest: size, total: size, count: 1 });
      return;
    }
    sizes.smallest = Math.min(sizes.smallest, size);
    sizes.total += size;
    sizes.count++;
  }
}

function emptyNode(): Node {
  return { size: 0, isDirectory: false, children: null };
}

function addChild(node: Node, name: string): Node {
  const child = emptyNode();
  node.children ??= new Map();
  node.children.set(name, child);
  return child;
}

interface Placed {
  readonly path: string;
  readonly parent: string;
  readonly name: string;
  readonly node: Node;
}

/** All nodes below, without recursion, for a tree may be deeper than the stack. */
function* nodesOf(root: Node): Generator<Placed> {
  const todo = childrenOf("", root);
  for (let placed = todo.pop(); placed !== undefined; placed = todo.pop()) {
    yield placed;
    todo.push(...childrenOf(placed.path, placed.node));
  }
}

function childrenOf(parent: string, node: Node): Placed[] {
  return Array.from(node.children ?? [], ([name, child]) => ({ path: `${parent}/${name}`, parent, name, node: child }));
}

/** Puts a layer on those below, deletions first, so that what it puts itself stays. */
function stack(below: Node, layer: Node): void {
  const placed = [...nodesOf(layer)];
  for (const { parent, name } of placed) {
    if (!name.startsWith(WHITEOUT)) continue;
    find(below, parent)?.children?.delete(name.slice(WHITEOUT.length));
  }
  for (const { path, name, node } of placed) {
    if (name.startsWith(WHITEOUT)) continue;
    let target = below;
    for (const part of path.slice(1).split("/")) target = target.children?.get(part) ?? addChild(target, part);
    target.size = node.size;
    target.isDirectory = node.isDirectory;
  }
}

function find(root: Node, path: string): Node | null {
  let node: Node | undefined = root;
  for (const name of path === "" ? [] : path.slice(1).split("/")) node = node?.children?.get(name);
  return node ?? null;
}

function sizeBelow(node: Node): number {
  let size = node.size;
  for (const below of nodesOf(node)) size += below.node.size;
  return size;
}
