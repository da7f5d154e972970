import { isLayerfsError, LayerfsError, printable } from "../../core/errors.ts";
import { nameKey } from "../../union/entry-path.ts";
import { type ChangedTree, mergeWithChanges, type NodeChange } from "../../view/changes.ts";
import { resolve, walk } from "../../view/lookup.ts";
import type { DuplicatePath } from "../../view/merged-tree.ts";
import type { LeafNode, PlacedNode } from "../../view/node.ts";
import type { ReadOptions, TreeNode } from "../engine.ts";
import { readStack, type StackFinder, tellDuplicates } from "../tree/layer-stack.ts";
import { readTogether } from "../tree/read-together.ts";
import { describeNode } from "./describe-node.ts";

export interface ChangesOptions extends ReadOptions {
  /** How far below the path to go; 1: what lies in it. Default: all. */
  readonly depth?: number | undefined;
  /** Index of a layer, lowest 0: the tree up to it, and the changes that it made alone. Default: all layers. */
  readonly layer?: number | undefined;
  /** What is not there any more as well. */
  readonly deleted?: boolean | undefined;
  /** Only what was changed, and the directories that lead there. */
  readonly changedOnly?: boolean | undefined;
}

/** A node with what the layers above the lowest did to it. */
export interface ChangedNode extends TreeNode {
  /** null: it is as the lowest layer has it or, where one layer is asked for, as that layer found it. */
  readonly change: "added" | "changed" | "deleted" | null;
  /** Index of the layer that did it. */
  readonly changedBy: number | null;
  /** How far below the path that was asked for; 0 is that itself. */
  readonly depth: number;
  /** Bytes of content here and below, of a file with several names at the first of them. What is deleted is not counted. */
  readonly total: number;
}

/**
 * A node and what lies below it: a directory before its content, siblings by the bytes of their names. Fails with
 * NOT_FOUND for the path and for a layer that the image does not have.
 */
export function listChanges(finder: StackFinder, path: string, options: ChangesOptions): Promise<ChangedNode[]> {
  return readStack(finder, async ({ layers }) => {
    const { layer } = options;
    if (layer !== undefined && layers[layer] === undefined) {
      throw new LayerfsError("NOT_FOUND", `there is no layer ${layer + 1}: the image has ${layers.length}`);
    }
    const read = layers.slice(0, layer === undefined ? undefined : layer + 1);
    const { signal } = options;
    const duplicates: DuplicatePath[] = [];
    const merged = await mergeWithChanges(readTogether(read, signal), {
      signal,
      withLowest: layer === 0,
      onDuplicate: (duplicate) => duplicates.push(duplicate),
    });
    tellDuplicates(finder.call, duplicates);
    return [...select(merged, path, options)];
  });
}

interface Row {
  readonly place: PlacedNode;
  readonly change: NodeChange | null;
}

/** Asked for several times, so that an image's nodes need not all be rows at the same time. */
type Rows = () => Iterable<Row>;

function* select(merged: ChangedTree, path: string, options: ChangesOptions): Generator<ChangedNode> {
  const start = startOf(merged, path, options.deleted ?? false);
  const rows = rowsBelow(merged, start, options);
  const totals = totalsOf(rows, start.key);
  const leading = options.changedOnly ? directoriesToChanges(rows) : null;
  const { depth: deepest = Number.POSITIVE_INFINITY } = options;
  for (const { place, change } of rows()) {
    const depth = depthBelow(start.key, place.path);
    if (depth > deepest || (leading !== null && change === null && !leading.has(place.path))) continue;
    const total = ownTotal(place, change) ?? totals.get(place.path) ?? 0;
    yield { ...describeNode(place), change: change?.kind ?? null, changedBy: change?.layer ?? null, depth, total };
  }
}

interface Start {
  readonly key: string;
  /** null: it is not there any more. */
  readonly place: PlacedNode | null;
}

function rowsBelow(merged: ChangedTree, start: Start, { layer, deleted }: ChangesOptions): Rows {
  const changeOf = (key: string): NodeChange | null => {
    const change = merged.changes.get(key);
    return change === undefined || (layer !== undefined && change.layer !== layer) ? null : change;
  };
  const there = function* (): Generator<Row> {
    if (start.place === null) return;
    for (const place of walk(start.place)) yield { place, change: changeOf(place.path) };
  };
  if (!deleted) return there;
  const rows = [...there()];
  for (const [key, node] of merged.deleted) {
    const change = changeOf(key);
    if (change !== null && isAt(key, start.key)) rows.push({ place: { path: key, node }, change });
  }
  rows.sort((a, b) => compareInWalk(a.place.path, b.place.path));
  return () => rows;
}

/** The real path, which may be one that is deleted. */
function startOf(merged: ChangedTree, path: string, deleted: boolean): Start {
  try {
    const place = resolve(merged.tree, Buffer.from(path));
    return { key: place.path, place };
  } catch (error) {
    const key = nameKey(Buffer.from(path)).replace(/^\//, "");
    if (deleted && isLayerfsError(error, "NOT_FOUND") && merged.deleted.has(key)) return { key, place: null };
    if (!deleted && isLayerfsError(error, "NOT_FOUND") && merged.deleted.has(key)) {
      throw new LayerfsError("NOT_FOUND", `${printable(path)}: it was deleted by a layer`, {
        hint: "--deleted lists it",
        cause: error,
      });
    }
    throw error;
  }
}

/** Of a file with one name; null: `totalsOf` tells. */
function ownTotal({ node }: PlacedNode, change: NodeChange | null): number | null {
  return node.kind === "file" && node.names === 1 && change?.kind !== "deleted" ? node.size : null;
}

/** Of the directories from `start` down, and of the first of a file's several names. */
function totalsOf(rows: Rows, start: string): Map<string, number> {
  const totals = new Map<string, number>();
  const counted = new Set<LeafNode>();
  for (const { place, change } of rows()) {
    const { path, node } = place;
    if (node.kind !== "file" || change?.kind === "deleted" || counted.has(node)) continue;
    if (node.names > 1) counted.add(node);
    const isOwn = ownTotal(place, change) !== null;
    for (let key = path; ; key = parentOf(key)) {
      if (key !== path || !isOwn) totals.set(key, (totals.get(key) ?? 0) + node.size);
      if (key === start || key === "") break;
    }
  }
  return totals;
}

function directoriesToChanges(rows: Rows): Set<string> {
  const found = new Set<string>();
  for (const { place, change } of rows()) {
    if (change === null || place.path === "") continue;
    for (let key = parentOf(place.path); !found.has(key); key = parentOf(key)) found.add(key);
  }
  return found;
}

function parentOf(key: string): string {
  return key.slice(0, Math.max(0, key.lastIndexOf("/")));
}

function isAt(key: string, start: string): boolean {
  return start === "" || key === start || key.startsWith(`${start}/`);
}

function depthBelow(start: string, path: string): number {
  if (path === start) return 0;
  const below = start === "" ? path : path.slice(start.length + 1);
  return below.split("/").length;
}

/** The order of `walk`: names one by one. No name has a NUL, and NUL comes before every byte. */
function compareInWalk(a: string, b: string): number {
  const [one, other] = [a.replaceAll("/", "\0"), b.replaceAll("/", "\0")];
  return one < other ? -1 : one > other ? 1 : 0;
}
