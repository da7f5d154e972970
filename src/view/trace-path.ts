import { isLayerfsError } from "../core/errors.ts";
import type { TarEntry } from "../tar/entry.ts";
import { changeset } from "../union/changeset.ts";
import { joinKey, nameKey } from "../union/entry-path.ts";
import { eachEntry } from "./each-entry.ts";
import { lstat, type NodeStat, resolve } from "./lookup.ts";
import { type GrowingPlace, type LayerTarget, type MemoryTarget, memoryTarget } from "./memory-target.ts";
import type { LayerEntries } from "./merged-tree.ts";
import type { DirectoryNode, TreeNode } from "./node.ts";

/**
 * What one layer does to a path:
 * - `put`: it was not there, the layer has it;
 * - `replaced`: it was there, the layer has another in its place;
 * - `changed`: the same node with other attributes, such as a directory that both have;
 * - `emptied`: a directory that stays, but nothing of what the layers below have in it;
 * - `deleted`: by a whiteout of it, or of a directory on the way;
 * - `hidden`: by an opaque directory on the way;
 * - `displaced`: something that is no directory took the place of one on the way;
 * - `untouched`: nothing.
 */
export type PathEffect = "put" | "replaced" | "changed" | "emptied" | "deleted" | "hidden" | "displaced" | "untouched";

export interface PathStep {
  readonly effect: PathEffect;
  /** Key of the path that was deleted, opaque or put in the way; null for other effects. */
  readonly by: string | null;
  /** What the union of this layer and all below shows; null for nothing. */
  readonly node: NodeStat | null;
}

export interface PathTrace {
  /** Key of the real path: where symlinks on the way lead to in the topmost union that has it. */
  readonly path: string;
  /** One for each layer, lowest first. */
  readonly steps: readonly PathStep[];
}

/**
 * What each layer does to `path`, by the rules by which layers are applied. The path itself is not followed if it is a
 * symlink. Layers are read once, and once more if a symlink is on the way. null: no layer has such a path.
 *
 * Fails with INVALID_LAYER as `mergeLayers` does.
 */
export async function tracePath(layers: readonly (() => LayerEntries)[], path: Buffer): Promise<PathTrace | null> {
  const asWritten = nameKey(path);
  const first = await traceKey(layers, asWritten, path);
  if (first.realPath === null || first.realPath === asWritten) {
    const isKnown = first.steps.some(({ node, effect }) => node !== null || effect !== "untouched");
    return isKnown ? { path: asWritten, steps: first.steps } : null;
  }
  const { steps } = await traceKey(layers, first.realPath, path);
  return { path: first.realPath, steps };
}

interface KeyTrace {
  readonly steps: readonly PathStep[];
  readonly realPath: string | null;
}

async function traceKey(layers: readonly (() => LayerEntries)[], key: string, path: Buffer): Promise<KeyTrace> {
  const target = memoryTarget();
  const steps: PathStep[] = [];
  let realPath: string | null = null;
  for (const [index, open] of layers.entries()) {
    steps.push(await traceLayer(target, index, open(), key));
    realPath = realPathOf(target, path) ?? realPath;
  }
  return { steps, realPath };
}

async function traceLayer(target: MemoryTarget, index: number, entries: LayerEntries, key: string): Promise<PathStep> {
  const events: Events = { put: false, changed: false, emptied: false, whiteout: null, opaque: null, obstacle: null };
  const before = nodeAt(target.root, key);
  const layer = observe(target.layer(index), key, events);
  const changes = changeset(layer, { duplicates: "last-wins" });
  await eachEntry(entries, undefined, ({ entry, storedName }) => {
    layer.storedAt(nameKey(storedName));
    changes.add(entry);
  });
  const after = nodeAt(target.root, key);
  const node = after === null ? null : lstat({ path: key, node: after });
  return { ...judge(events, before, after), node };
}

/** What was seen to happen to the path while a layer was applied. */
interface Events {
  put: boolean;
  changed: boolean;
  emptied: boolean;
  whiteout: string | null;
  opaque: string | null;
  /** What took the place of a directory on the way. */
  obstacle: string | null;
}

function judge(events: Events, before: TreeNode | null, after: TreeNode | null): Omit<PathStep, "node"> {
  if (after === null) {
    if (before === null) return { effect: "untouched", by: null };
    if (events.obstacle !== null) return { effect: "displaced", by: events.obstacle };
    return events.whiteout === null
      ? { effect: "hidden", by: events.opaque }
      : { effect: "deleted", by: events.whiteout };
  }
  if (before === null) return { effect: "put", by: null };
  if (before !== after && events.put) return { effect: "replaced", by: null };
  if (events.emptied) return { effect: "emptied", by: null };
  return { effect: events.put || events.changed ? "changed" : "untouched", by: null };
}

/** The same target, which notes what concerns `key`. */
function observe(target: LayerTarget, key: string, events: Events): LayerTarget {
  const isOnTheWay = (path: string): boolean => path !== key && (path === "" || key.startsWith(`${path}/`));
  const notePut = (at: GrowingPlace, name: Buffer, isDirectory: boolean): void => {
    const path = joinKey(at.path, name);
    if (path === key) events.put = true;
    else if (!isDirectory && isOnTheWay(path)) events.obstacle = path;
  };
  return {
    root: target.root,
    storedAt: (path) => target.storedAt(path),
    lookup: (at, name) => target.lookup(at, name),
    enter: (at, name) => target.enter(at, name),
    makeParent: (at, name) => {
      notePut(at, name, true);
      return target.makeParent(at, name);
    },
    put: (at, name, entry) => {
      notePut(at, name, entry.kind === "directory");
      return target.put(at, name, entry);
    },
    putRoot: (entry: TarEntry) => {
      if (key === "") events.changed = true;
      target.putRoot(entry);
    },
    link: (at, name, to, toName, entry) => {
      notePut(at, name, false);
      if (joinKey(to.path, toName) === key) events.changed = true;
      return target.link(at, name, to, toName, entry);
    },
    whiteout: (at, name) => {
      const path = joinKey(at.path, name);
      if (path === key || isOnTheWay(path)) events.whiteout = path;
      target.whiteout(at, name);
    },
    opaque: (at) => {
      if (at.path === key) events.emptied = true;
      else if (isOnTheWay(at.path)) events.opaque = at.path;
      target.opaque(at);
    },
    putReserved: (path, entry) => target.putReserved(path, entry),
    linkReserved: (at, name, path, entry) => {
      notePut(at, name, false);
      return target.linkReserved(at, name, path, entry);
    },
  };
}

/** No symlink is followed: the key is a real path. */
function nodeAt(root: DirectoryNode, key: string): TreeNode | null {
  let node: TreeNode | undefined = root;
  for (const name of key === "" ? [] : key.split("/")) {
    node = node?.kind === "directory" ? node.children.get(name) : undefined;
  }
  return node ?? null;
}

function realPathOf(target: MemoryTarget, path: Buffer): string | null {
  try {
    return resolve({ root: target.root, layers: 0 }, path, { followLast: false }).path;
  } catch (error) {
    if (isLayerfsError(error, "NOT_FOUND")) return null;
    throw error;
  }
}
