import { chainIDs } from "../../core/chain-id.ts";
import { digestHex, digestOf } from "../../core/digest.ts";
import { type DuplicatePath, mergeLayers } from "../../view/merged-tree.ts";
import { type View, viewOf } from "../../view/view.ts";
import type { ImageLayer } from "./image-layer.ts";
import type { IndexCache } from "./layer-index/cache.ts";
import { decodeTree, encodeTree } from "./layer-index/tree-codec.ts";
import { readTogether } from "./read-together.ts";

/** What calls that look into an image are given besides. */
export interface LookOptions {
  readonly cache: IndexCache | null;
}

export interface ImageViewOptions extends LookOptions {
  /** How the layers name their files: another place of the same image may do it in another way. */
  readonly naming: "number" | "path";
  readonly signal?: AbortSignal | undefined;
}

/**
 * The view of an image's layers, lowest first: the tree that was kept of the same ones, else a union of them. Either way
 * nodes are read out of a record, which takes a fraction of the memory that they would.
 */
export async function imageView(
  layers: readonly ImageLayer[],
  { cache, naming, signal }: ImageViewOptions,
): Promise<View> {
  const key = treeKey(layers, naming);
  const known = key === null ? null : (cache?.read("trees", key) ?? null);
  if (known !== null) return viewOfRecord(known, layers);
  const duplicates: DuplicatePath[] = [];
  const onDuplicate = (duplicate: DuplicatePath): void => void duplicates.push(duplicate);
  const tree = await mergeLayers(readTogether(layers, signal), { signal, onDuplicate });
  const record = encodeTree({ tree, duplicates });
  if (key !== null) cache?.write("trees", key, record);
  return viewOfRecord(Buffer.concat(record), layers);
}

function viewOfRecord(record: Buffer, layers: readonly ImageLayer[]): View {
  const { tree, duplicates } = decodeTree(record);
  return viewOf(tree, layers, duplicates);
}

function treeKey(layers: readonly ImageLayer[], naming: ImageViewOptions["naming"]): string | null {
  const top = chainIDs(layers.map(({ diffID }) => diffID)).at(-1);
  const identities = layers.map((layer) => layer.identity());
  if (top === undefined || identities.includes(null)) return null;
  return `${digestHex(top)}-${naming}-${digestHex(digestOf(identities.join("\n"))).slice(0, 16)}`;
}
