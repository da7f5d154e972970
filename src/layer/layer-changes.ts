import { compareTimespec, type Timespec } from "../core/timespec.ts";
import type { Stat } from "../sys/stat.ts";
import { type TreeChange, toldChanges } from "./changes.ts";
import { compareOverlay, IncompleteUpper, type UpperDirectory } from "./compare-overlay.ts";
import { compareTrees } from "./compare-trees.ts";
import type { CompareOptions, Comparison } from "./comparison.ts";
import { tarOfChanges } from "./diff-tar.ts";
import { mergedTrees } from "./merged-trees.ts";

/** A layer that was written to, and what it stands on. Plain data: it crosses a thread boundary. */
export type ChangedLayer =
  | ({ readonly form: "overlay-dir" } & UpperDirectory)
  | {
      readonly form: "full-tree";
      readonly directory: string;
      /** The tree that it was a copy of. */
      readonly before: string;
      /** When the copy was done: what was touched since is compared by content too. */
      readonly copied: Timespec;
    };

/**
 * What was changed in a layer as `docker diff` tells it: by `toldChanges`, and without attributes other than
 * capabilities. Fails as `systemError`.
 */
export async function layerChanges(layer: ChangedLayer): Promise<TreeChange[]> {
  const options = { withoutSockets: false, capabilitiesOnly: true };
  try {
    return await toldChanges(comparison(layer, options));
  } catch (error) {
    if (!(error instanceof IncompleteUpper) || layer.form !== "overlay-dir") throw error;
    using trees = await mergedTrees(layer);
    return await toldChanges(compareTrees(trees.before, trees.after, options));
  }
}

/**
 * The tar of what was changed in a layer, the same bytes for the same change whatever the layer's form, with entries as
 * `diffTar` has them. Beyond that it has directories of which only the time changed, and never the root: as in Docker its
 * attributes are the driver's. Fails as `diffTar`.
 */
export async function* changesTar(layer: ChangedLayer): AsyncGenerator<Buffer> {
  const tar = tarOfChanges(() => belowRoot(comparison(layer, TAR_OPTIONS)));
  let first: IteratorResult<Buffer>;
  try {
    first = await tar.next();
  } catch (error) {
    if (!(error instanceof IncompleteUpper) || layer.form !== "overlay-dir") throw error;
    using trees = await mergedTrees(layer);
    const { before, after } = trees;
    return yield* tarOfChanges(() => belowRoot(compareTrees(before, after, TAR_OPTIONS)));
  }
  if (first.done !== true) yield first.value;
  yield* tar;
}

const TAR_OPTIONS = { withoutSockets: true, directoryTimes: true };

function comparison(layer: ChangedLayer, options: CompareOptions): Generator<Comparison> {
  if (layer.form === "overlay-dir") return compareOverlay(layer, options);
  const readsContent = ({ ctime }: Stat): boolean => compareTimespec(ctime, layer.copied) >= 0;
  return compareTrees(layer.before, layer.directory, { ...options, readsContent });
}

function* belowRoot(comparisons: Iterable<Comparison>): Generator<Comparison> {
  for (const node of comparisons) if (node.path.length > 0) yield node;
}
