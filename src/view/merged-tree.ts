import { throwIfCancelled } from "../core/cancellation.ts";
import { withObject } from "../core/errors.ts";
import type { TarEntry } from "../tar/entry.ts";
import { changeset } from "../union/changeset.ts";
import { nameKey } from "../union/entry-path.ts";
import { eachEntry } from "./each-entry.ts";
import { memoryTarget } from "./memory-target.ts";
import type { DirectoryNode, PlacedNode } from "./node.ts";

/** An entry of a layer, with the name under which the layer's store keeps the entry's file. */
export interface LayerEntry {
  readonly entry: TarEntry;
  readonly storedName: Buffer;
}

/** The entries of one layer in the order of its tar. */
export type LayerEntries = Iterable<LayerEntry> | AsyncIterable<LayerEntry>;

/** A path that one layer holds more than once, where Docker would refuse the layer. The last entry is taken. */
export interface DuplicatePath {
  readonly layer: number;
  /** Key of the path, as `pathKey` makes it. */
  readonly path: string;
}

/** What all layers together show. */
export interface MergedTree {
  readonly root: DirectoryNode;
  readonly layers: number;
}

/** A node that a layer takes away, or puts another in the place of. */
export interface HiddenNode extends PlacedNode {
  /** Index of the layer that did it. It is the node's own layer only where that holds a path twice. */
  readonly by: number;
  /**
   * `replaced`: another node has its path; `deleted`: by a whiteout, of it or of a directory on the way; `hidden`: by
   * an opaque directory; `displaced`: what is no directory took the place of a directory on the way.
   */
  readonly how: "replaced" | "deleted" | "hidden" | "displaced";
}

export interface MergeOptions {
  /**
   * Called for each node that is hidden, while it is; a directory that merges with another's attributes is not. What it
   * gets must be copied where it is to last.
   */
  readonly onHidden?: ((hidden: HiddenNode) => void) | undefined;
  readonly onDuplicate?: ((duplicate: DuplicatePath) => void) | undefined;
  /** Called for each entry, before it does something; `layer` is its layer's index. */
  readonly onEntry?: ((entry: TarEntry, layer: number) => void) | undefined;
  /** Called for each entry that has made a node, once it has; `path` is the key of the node's real path. */
  readonly onNode?: ((made: { readonly path: string; readonly entry: TarEntry }) => void) | undefined;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Joins layers, lowest first, into one tree in memory, by the same rules by which they are written to disk
 * (`changeset`). A layer may be any iterable, and none is asked for before the one below it is done.
 *
 * Fails with INVALID_LAYER as `changeset` does, and then names the layer by its number from 1, the lowest; CANCELLED once the signal is aborted.
 */
export async function mergeLayers(
  layers: Iterable<LayerEntries> | AsyncIterable<LayerEntries>,
  options: MergeOptions = {},
): Promise<MergedTree> {
  let tree: MergedTree = { root: memoryTarget().root, layers: 0 };
  for await (tree of growTree(layers, options));
  return tree;
}

/** As `mergeLayers`, with the tree after each layer. It is one tree: it grows when the next one is asked for. */
export async function* growTree(
  layers: Iterable<LayerEntries> | AsyncIterable<LayerEntries>,
  options: MergeOptions = {},
): AsyncGenerator<MergedTree> {
  const target = memoryTarget(options.onHidden);
  let index = 0;
  for await (const entries of layers) {
    throwIfCancelled(options.signal);
    try {
      await mergeLayer(target.layer(index), entries, index, options);
    } catch (error) {
      throw withObject(error, `layer ${index + 1}`);
    }
    index++;
    yield { root: target.root, layers: index };
  }
}

type LayerTarget = ReturnType<ReturnType<typeof memoryTarget>["layer"]>;

async function mergeLayer(
  target: LayerTarget,
  entries: LayerEntries,
  layer: number,
  options: MergeOptions,
): Promise<void> {
  const changes = changeset(target, {
    duplicates: "last-wins",
    onDuplicate: (path) => options.onDuplicate?.({ layer, path }),
  });
  await eachEntry(entries, options.signal, ({ entry, storedName }) => {
    options.onEntry?.(entry, layer);
    target.storedAt(nameKey(storedName));
    const { path } = changes.add(entry);
    if (path !== null) options.onNode?.({ path, entry });
  });
}
