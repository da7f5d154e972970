import { throwIfCancelled } from "../core/cancellation.ts";
import { withObject } from "../core/errors.ts";
import { changeset } from "../union/changeset.ts";
import { joinKey, nameKey } from "../union/entry-path.ts";
import { eachEntry } from "./each-entry.ts";
import { type LayerTarget, memoryTarget } from "./memory-target.ts";
import type { HiddenNode, LayerEntries, MergedTree, MergeOptions } from "./merged-tree.ts";
import type { DirectoryNode, PlacedNode, TreeNode } from "./node.ts";

/** What a layer did to a path, seen against all layers below it. */
export interface NodeChange {
  readonly kind: "added" | "changed" | "deleted";
  /** Index of the layer. */
  readonly layer: number;
}

export interface ChangedTree {
  readonly tree: MergedTree;
  /** By the key of the path, the last change that a layer made to it. */
  readonly changes: ReadonlyMap<string, NodeChange>;
  /** What was there under the paths that are deleted; the node as it was. */
  readonly deleted: ReadonlyMap<string, TreeNode>;
}

export interface ChangeOptions extends Pick<MergeOptions, "signal" | "onDuplicate"> {
  /** Whether to note that the lowest layer adds all that it has. Default: false. */
  readonly withLowest?: boolean | undefined;
}

/**
 * Joins layers as `mergeLayers`, and notes for each path what the layers above the lowest did to it. A directory that a
 * layer names again with the attributes that it has is no change.
 */
export async function mergeWithChanges(
  layers: Iterable<LayerEntries> | AsyncIterable<LayerEntries>,
  { signal, onDuplicate, withLowest = false }: ChangeOptions = {},
): Promise<ChangedTree> {
  const notes = new Notes();
  const target = memoryTarget((hidden) => notes.hide(hidden));
  let index = 0;
  for await (const entries of layers) {
    const isNoted = index > 0 || withLowest;
    const layer = isNoted ? noting(target.layer(index), index, notes) : target.layer(index);
    const tell = (path: string): void => onDuplicate?.({ layer: index, path });
    try {
      await add(layer, entries, tell, signal);
    } catch (error) {
      throw withObject(error, `layer ${index + 1}`);
    }
    throwIfCancelled(signal);
    index++;
  }
  return { tree: { root: target.root, layers: index }, changes: notes.changes, deleted: notes.deleted };
}

async function add(
  layer: LayerTarget,
  entries: LayerEntries,
  onDuplicate: (path: string) => void,
  signal: AbortSignal | undefined,
): Promise<void> {
  const changes = changeset(layer, { duplicates: "last-wins", onDuplicate });
  await eachEntry(entries, signal, ({ entry, storedName }) => {
    layer.storedAt(nameKey(storedName));
    changes.add(entry);
  });
}

class Notes {
  readonly changes = new Map<string, NodeChange>();
  readonly deleted = new Map<string, TreeNode>();

  hide({ path, node, by, how }: HiddenNode): void {
    if (how === "replaced") return;
    const known = this.changes.get(path);
    // What comes and goes in one layer was never there.
    if (known?.layer === by && known.kind === "added") {
      this.changes.delete(path);
      return;
    }
    this.changes.set(path, { kind: "deleted", layer: by });
    this.deleted.set(path, { ...node });
  }

  put(path: string, wasThere: boolean, layer: number): void {
    const known = this.changes.get(path);
    this.deleted.delete(path);
    // Deleted by the same layer: what it puts in its place is a change.
    if (known?.layer === layer) {
      if (known.kind === "deleted") this.changes.set(path, { kind: "changed", layer });
      return;
    }
    this.changes.set(path, { kind: wasThere ? "changed" : "added", layer });
  }
}

type Place = PlacedNode<DirectoryNode>;

/** The same target, which notes each path that is put. */
function noting(target: LayerTarget, layer: number, notes: Notes): LayerTarget {
  const put = <T>(at: Place, name: Buffer, act: () => T): T => {
    const key = name.toString("latin1");
    const before = at.node.children.get(key);
    const was = before?.kind === "directory" ? { ...before } : undefined;
    const result = act();
    const isSame = was !== undefined && at.node.children.get(key) === before && hasSameAttributes(was, before);
    if (!isSame) notes.put(joinKey(at.path, name), before !== undefined, layer);
    return result;
  };
  return {
    root: target.root,
    storedAt: (path) => target.storedAt(path),
    lookup: (at, name) => target.lookup(at, name),
    enter: (at, name) => target.enter(at, name),
    makeParent: (at, name) => put(at, name, () => target.makeParent(at, name)),
    put: (at, name, entry) => put(at, name, () => target.put(at, name, entry)),
    putRoot(entry) {
      const was = { ...target.root.node };
      target.putRoot(entry);
      if (!hasSameAttributes(was, target.root.node)) notes.put("", true, layer);
    },
    link: (at, name, to, toName, entry) => put(at, name, () => target.link(at, name, to, toName, entry)),
    whiteout: (at, name) => target.whiteout(at, name),
    opaque: (at) => target.opaque(at),
    putReserved: (path, entry) => target.putReserved(path, entry),
    linkReserved: (at, name, path, entry) => put(at, name, () => target.linkReserved(at, name, path, entry)),
  };
}

function hasSameAttributes(one: DirectoryNode, other: TreeNode | undefined): boolean {
  const fields = ["mode", "uid", "gid", "mtimeSeconds", "mtimeNanoseconds"] as const;
  return other !== undefined && fields.every((field) => one[field] === other[field]) && sameXattrs(one, other);
}

function sameXattrs({ xattrs: one }: TreeNode, { xattrs: other }: TreeNode): boolean {
  if (one === null || other === null) return one === other;
  return one.size === other.size && [...one].every(([key, value]) => other.get(key)?.equals(value));
}
