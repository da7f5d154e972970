import type { Digest } from "../../core/digest.ts";
import { LayerfsError, printable } from "../../core/errors.ts";
import { lstat, resolve } from "../../view/lookup.ts";
import type { PlacedNode } from "../../view/node.ts";
import { tracePath } from "../../view/trace-path.ts";
import type { ReadOptions, TreeNode } from "../engine.ts";
import { type LayerStack, readStack, type StackFinder } from "../tree/layer-stack.ts";
import { describeNode } from "./describe-node.ts";

export interface StatOptions extends ReadOptions {
  /** Tell of what a symlink leads to, inside the image. */
  readonly followLink?: boolean | undefined;
}

/** A node with all its attributes, and where it comes from. */
export interface NodeDetails extends TreeNode {
  readonly nlink: number;
  /** Sorted by name. */
  readonly xattrs: readonly { readonly name: string; readonly value: Buffer }[];
  /** The layer that holds it; null for a root that no layer holds. */
  readonly diffID: Digest | null;
  readonly createdBy: string | null;
  /** What the layers below its own had in its place, the topmost first. */
  readonly hides: readonly HiddenVersion[];
}

export interface HiddenVersion {
  /** Index of the layer, lowest 0. */
  readonly layer: number;
  readonly diffID: Digest;
  readonly createdBy: string | null;
  readonly kind: TreeNode["kind"];
  readonly mode: number;
  readonly size: number;
  readonly mtime: TreeNode["mtime"];
}

/** Fails with NOT_FOUND as `resolve`. */
export function statNode(finder: StackFinder, path: string, options: StatOptions): Promise<NodeDetails> {
  return readStack(finder, async (stack) => {
    const { tree } = await stack.view();
    const place = resolve(tree, Buffer.from(path), { followLast: options.followLink ?? false });
    return describeDetails(stack, place, await hiddenBelow(stack, place));
  });
}

function describeDetails({ layers }: LayerStack, place: PlacedNode, hides: readonly HiddenVersion[]): NodeDetails {
  const { nlink, xattrs, layer } = lstat(place);
  return {
    ...describeNode(place),
    nlink,
    xattrs: Array.from(xattrs, ([name, value]) => ({ name, value })).sort((a, b) => (a.name < b.name ? -1 : 1)),
    diffID: layers[layer]?.diffID ?? null,
    createdBy: layers[layer]?.createdBy ?? null,
    hides,
  };
}

async function hiddenBelow({ layers }: LayerStack, { path, node }: PlacedNode): Promise<HiddenVersion[]> {
  const below = layers.slice(0, node.layer + 1);
  if (below.length < 2) return [];
  const trace = await tracePath(
    below.map((layer) => () => layer.entries()),
    Buffer.from(`/${path}`, "latin1"),
  );
  if (trace === null)
    throw new LayerfsError("NOT_FOUND", `/${printable(Buffer.from(path, "latin1"))}: it is not there`);
  const versions = trace.steps.slice(0, -1).flatMap(({ effect, node: version }, index): HiddenVersion[] => {
    const layer = layers[index];
    if (version === null || layer === undefined || !HOLDS.has(effect)) return [];
    const { kind, mode, size, mtime } = version;
    return [{ layer: index, diffID: layer.diffID, createdBy: layer.createdBy, kind, mode, size, mtime }];
  });
  return versions.reverse();
}

/** Effects by which a layer has a version of its own. */
const HOLDS: ReadonlySet<string> = new Set(["put", "replaced", "changed"]);
