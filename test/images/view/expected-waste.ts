import { basename, dirname } from "node:path/posix";
import type { TreeRow } from "../../support/dump-tree.ts";
import type { ListedEntry, ListedLayers } from "./listed-layers.ts";
import { shownBytes, shownFiles } from "./shown-files.ts";

/** What `waste` must say, from what GNU tar lists of the layers and from the tree that is left. */
export interface ExpectedWaste {
  readonly efficiency: number;
  readonly sizeBytes: number;
  readonly userSizeBytes: number;
  readonly wastedBytes: number;
  /** `PATH COUNT BYTES`, sorted. */
  readonly inefficient: readonly string[];
  readonly layerBytes: readonly number[];
  readonly hiddenBytes: number;
  /** `PATH BYTES LAYER BY`, sorted, of the files that have one name only. */
  readonly hidden: readonly string[];
  /** `BYTES WASTED FILES`, sorted. */
  readonly duplicates: readonly string[];
}

export function expectedWaste(layers: ListedLayers, rows: readonly TreeRow[]): ExpectedWaste {
  const layerBytes = layers.map((entries) => sum(entries, ({ size }) => size));
  return {
    ...expectedEfficiency(layers),
    layerBytes,
    hiddenBytes: sum(layerBytes, (bytes) => bytes) - shownBytes(rows),
    hidden: expectedHidden(layers, new Set(rows.filter(({ type }) => type === "file").map(({ path }) => path))),
    duplicates: expectedDuplicates(shownFiles(rows)),
  };
}

/** Paths that have several names are told by their group, which may be known by any of them. */
export function linkedPaths(layers: ListedLayers): ReadonlySet<string> {
  return new Set(layers.flat().flatMap(({ path, linkedTo }) => (linkedTo === null ? [] : [path, linkedTo])));
}

interface Node {
  readonly size: number;
  readonly isDirectory: boolean;
}

const IMPLIED: Node = { size: 0, isDirectory: false };

/** By dive's definition (filetree/efficiency.go): leaves of each layer, a whiteout with the size of what it deletes. */
function expectedEfficiency(
  layers: ListedLayers,
): Pick<ExpectedWaste, "efficiency" | "sizeBytes" | "userSizeBytes" | "wastedBytes" | "inefficient"> {
  const sizes = new Map<string, number[]>();
  const stacked = new Map<string, Node>();
  for (const entries of layers) {
    const own = treeOf(entries);
    const parents = new Set([...own.keys()].map((path) => dirname(path)));
    const deleted = [...own.keys()].flatMap((path) => whiteoutOf(path) ?? []);
    for (const [path, { size }] of own) {
      if (parents.has(path)) continue;
      const target = whiteoutOf(path);
      const there = target === null ? null : stacked.get(target);
      if (target === null) note(sizes, path, size);
      else if (there) note(sizes, target, there.isDirectory ? sizeBelow(stacked, target) : 0);
    }
    for (const target of deleted) for (const path of [...below(stacked, target)]) stacked.delete(path);
    for (const [path, node] of own) {
      if (whiteoutOf(path) === null && (node !== IMPLIED || !stacked.has(path))) stacked.set(path, node);
    }
  }
  const all = [...sizes.values()];
  const total = sum(all.flat(), (size) => size);
  const twice = [...sizes].filter(([, each]) => each.length > 1);
  const layerBytes = layers.map((entries) => sum(entries, ({ size }) => size));
  return {
    efficiency: total === 0 ? 1 : sum(all, (each) => Math.min(...each)) / total,
    sizeBytes: sum(layerBytes, (bytes) => bytes),
    userSizeBytes: sum(layerBytes.slice(1), (bytes) => bytes),
    wastedBytes: sum(twice, ([, each]) => sum(each, (size) => size)),
    inefficient: twice.map(([path, each]) => `/${path} ${each.length} ${sum(each, (size) => size)}`).sort(),
  };
}

function treeOf(entries: readonly ListedEntry[]): Map<string, Node> {
  const tree = new Map<string, Node>();
  for (const { path, type, size } of entries) {
    if (path === "" || path.split("/").some((part) => part.startsWith(".wh..wh."))) continue;
    for (let parent = dirname(path); parent !== "."; parent = dirname(parent)) {
      if (!tree.has(parent)) tree.set(parent, IMPLIED);
    }
    tree.set(path, { size, isDirectory: type === "d" });
  }
  return tree;
}

function note(sizes: Map<string, number[]>, path: string, size: number): void {
  sizes.set(path, [...(sizes.get(path) ?? []), size]);
}

/** The path that a whiteout deletes. */
function whiteoutOf(path: string): string | null {
  const name = basename(path);
  return name.startsWith(".wh.") ? joined(dirname(path), name.slice(".wh.".length)) : null;
}

function* below(tree: ReadonlyMap<string, Node>, top: string): Generator<string> {
  for (const path of tree.keys()) if (path === top || path.startsWith(`${top}/`)) yield path;
}

function sizeBelow(tree: ReadonlyMap<string, Node>, top: string): number {
  return sum([...below(tree, top)], (path) => tree.get(path)?.size ?? 0);
}

/** A version of a file is shown where it is the last one and the path is left; it is hidden by the next layer that can. */
function expectedHidden(layers: ListedLayers, left: ReadonlySet<string>): string[] {
  const linked = linkedPaths(layers);
  const hiding = layers.map(hidingPaths);
  const lines: string[] = [];
  for (const [layer, entries] of layers.entries()) {
    for (const { path, type, size } of entries) {
      if (type !== "-" || size === 0 || linked.has(path) || basename(path).startsWith(".wh.")) continue;
      const by = hiding.findIndex(
        ({ puts, takes }, index) => index > layer && (puts.has(path) || isTaken(takes, path)),
      );
      if (by >= 0) lines.push(`/${path} ${size} ${layer} ${by}`);
      else if (!left.has(path)) lines.push(`/${path} ${size} ${layer} nobody`);
    }
  }
  return lines.sort();
}

interface Hiding {
  /** What the layer has itself. */
  readonly puts: ReadonlySet<string>;
  /** Below these paths nothing of lower layers is left; a path itself is named without a `/` at its end. */
  readonly takes: ReadonlySet<string>;
}

function hidingPaths(entries: readonly ListedEntry[]): Hiding {
  const [puts, takes] = [new Set<string>(), new Set<string>()];
  for (const { path, type } of entries) {
    const whiteout = whiteoutOf(path);
    if (basename(path) === ".wh..wh..opq") takes.add(`${dirname(path)}/`);
    else if (whiteout !== null) takes.add(whiteout).add(`${whiteout}/`);
    else puts.add(path);
    if (whiteout === null && type !== "d") takes.add(`${path}/`);
  }
  return { puts, takes };
}

function isTaken(takes: ReadonlySet<string>, path: string): boolean {
  if (takes.has(path)) return true;
  for (let parent = dirname(path); ; parent = dirname(parent)) {
    if (takes.has(`${parent}/`)) return true;
    if (parent === ".") return false;
  }
}

function expectedDuplicates(files: readonly TreeRow[]): string[] {
  const groups = new Map<string, TreeRow[]>();
  for (const row of files) {
    if (row.sha256 === null || !row.size) continue;
    groups.set(row.sha256, [...(groups.get(row.sha256) ?? []), row]);
  }
  return [...groups.values()]
    .filter((group) => group.length > 1)
    .map((group) => `${group[0]?.size} ${(group[0]?.size ?? 0) * (group.length - 1)} ${group.length}`)
    .sort();
}

function joined(directory: string, name: string): string {
  return directory === "." ? name : `${directory}/${name}`;
}

function sum<T>(items: readonly T[], count: (item: T) => number): number {
  return items.reduce((total, item) => total + count(item), 0);
}
