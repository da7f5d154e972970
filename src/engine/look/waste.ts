import { createHash } from "node:crypto";
import type { Digest } from "../../core/digest.ts";
import { type Efficiency, type EfficiencyMeter, efficiencyMeter } from "../../view/efficiency.ts";
import { walk } from "../../view/lookup.ts";
import {
  type DuplicatePath,
  type HiddenNode,
  type LayerEntries,
  type MergedTree,
  mergeLayers,
} from "../../view/merged-tree.ts";
import type { FileNode, PlacedNode } from "../../view/node.ts";
import type { ReadOptions } from "../engine.ts";
import type { ImageLayer } from "../tree/image-layer.ts";
import { compactTree } from "../tree/layer-index/tree-codec.ts";
import { type LayerStack, readStack, type StackCall, type StackFinder, tellDuplicates } from "../tree/layer-stack.ts";
import { readTogether } from "../tree/read-together.ts";
import { keyOf, wantedFiles } from "../tree/tree-contents.ts";

export interface WasteOptions extends ReadOptions {
  /** Look for files with the same content, for which such files of the image are read. Default: true. */
  readonly duplicates?: boolean | undefined;
}

/** What an image carries that nobody sees, or sees twice. */
export interface Waste extends Efficiency {
  /** Bytes of content that a later layer hides or deletes, no name of which is left. */
  readonly hiddenBytes: number;
  /** Those files, the largest first. */
  readonly hidden: readonly HiddenFile[];
  /** Lowest first. */
  readonly layers: readonly LayerWaste[];
  /** Files of the merged tree with one content, those that waste the most first; null where it was not asked for. */
  readonly duplicates: readonly Duplicates[] | null;
}

export interface HiddenFile {
  /** Bytes, with a leading `/`. */
  readonly path: Buffer;
  readonly bytes: number;
  /** Index of the layer that holds it, and of the one that hides the last of its names. */
  readonly layer: number;
  readonly by: number;
  readonly how: HiddenNode["how"];
}

export interface LayerWaste {
  readonly diffID: Digest;
  readonly createdBy: string | null;
  /** Bytes of content that the layer holds. */
  readonly bytes: number;
  /** How many of them later layers hide. */
  readonly hiddenBytes: number;
  /** Bytes of the layers below that this one hides the last name of. */
  readonly hidesBytes: number;
}

export interface Duplicates {
  /** Of one of the files. */
  readonly bytes: number;
  /** `bytes` of all but one. */
  readonly wastedBytes: number;
  /** Each file by one of its names. */
  readonly files: readonly { readonly path: Buffer; readonly layer: number }[];
}

/** Reads each layer once, and those with files of equal sizes once more. */
export function findWaste(finder: StackFinder, options: WasteOptions): Promise<Waste> {
  return readStack(finder, async (stack) => {
    const { efficiency, sizes, hidden, root } = await measure(stack, finder.call);
    const duplicates = options.duplicates === false ? null : await findDuplicates(stack, root);
    return {
      ...efficiency,
      hiddenBytes: sum(hidden, ({ bytes }) => bytes),
      hidden,
      layers: stack.layers.map(({ diffID, createdBy }, index) => ({
        diffID,
        createdBy,
        bytes: sizes[index]!,
        hiddenBytes: sum(hidden, ({ layer, bytes }) => (layer === index ? bytes : 0)),
        hidesBytes: sum(hidden, ({ by, bytes }) => (by === index ? bytes : 0)),
      })),
      duplicates,
    };
  });
}

interface Measured {
  readonly efficiency: Efficiency;
  /** Bytes of each layer's entries, lowest first. */
  readonly sizes: readonly number[];
  readonly hidden: readonly HiddenFile[];
  readonly root: PlacedNode;
}

async function measure(stack: LayerStack, call: StackCall): Promise<Measured> {
  const { tree, hiding, ...counted } = await mergeCounting(stack, call);
  // The nodes themselves would stay in memory while contents are compared.
  const root: PlacedNode = { path: "", node: compactTree(tree).root };
  return { ...counted, hidden: hiding.files(root), root };
}

/** On its own, so that what dive's count needs is gone when the tree is written out. */
async function mergeCounting(
  { layers }: LayerStack,
  call: StackCall,
): Promise<Pick<Measured, "efficiency" | "sizes"> & { readonly tree: MergedTree; readonly hiding: Hiding }> {
  const meter = efficiencyMeter();
  const sizes = layers.map(() => 0);
  const hiding = new Hiding();
  const { signal } = call;
  const doubled: DuplicatePath[] = [];
  const tree = await mergeLayers(metered(layers, meter, signal), {
    signal,
    onEntry: (entry, layer) => {
      meter.add(entry);
      sizes[layer]! += entry.size;
    },
    onHidden: (hidden) => hiding.add(hidden),
    onDuplicate: (duplicate) => doubled.push(duplicate),
  });
  tellDuplicates(call, doubled);
  return { efficiency: meter.result(), sizes, tree, hiding };
}

async function* metered(
  layers: readonly ImageLayer[],
  meter: EfficiencyMeter,
  signal: AbortSignal | undefined,
): AsyncGenerator<LayerEntries> {
  for await (const entries of readTogether(layers, signal)) {
    meter.layer();
    yield entries;
  }
}

/** Collects the contents that layers hide, by where they are: several names are one content. */
class Hiding {
  readonly #files = new Map<string, HiddenFile>();

  add({ path, node, by, how }: HiddenNode): void {
    if (node.kind !== "file" || node.size === 0) return;
    const file = { path: Buffer.from(`/${path}`, "latin1"), bytes: node.size, layer: node.layer, by, how };
    this.#files.set(contentKey({ path, node }), file);
  }

  /** Without those that still have a name. */
  files(root: PlacedNode): HiddenFile[] {
    for (const place of walk(root)) if (place.node.kind === "file") this.#files.delete(contentKey(place));
    return [...this.#files.values()].sort((a, b) => b.bytes - a.bytes || a.path.compare(b.path));
  }
}

function contentKey(place: PlacedNode): string {
  const { layer, name } = keyOf(place);
  return `${layer}/${name}`;
}

async function findDuplicates(stack: LayerStack, root: PlacedNode): Promise<Duplicates[]> {
  const files = filesWithTwins(root);
  const groups = new Map<string, Candidate[]>();
  for (const [index, layer] of stack.layers.entries()) {
    const own = files.get(index) ?? new Map<string, Candidate>();
    for await (const { name, content } of wantedFiles(layer, new Set(own.keys()))) {
      const candidate = own.get(name);
      if (candidate === undefined) continue;
      const hash = createHash("sha256");
      for await (const bytes of content) hash.update(bytes);
      const digest = hash.digest("base64");
      const group = groups.get(digest);
      if (group === undefined) groups.set(digest, [candidate]);
      else group.push(candidate);
    }
  }
  return [...groups.values()]
    .filter((group) => group.length > 1)
    .map((group) => ({
      bytes: group[0]!.bytes,
      wastedBytes: group[0]!.bytes * (group.length - 1),
      files: group.map(({ path, layer }) => ({ path: Buffer.from(`/${path}`, "latin1"), layer })),
    }))
    .sort((a, b) => b.wastedBytes - a.wastedBytes || a.files[0]!.path.compare(b.files[0]!.path));
}

interface Candidate {
  readonly path: string;
  readonly layer: number;
  readonly bytes: number;
}

/** For each layer its contents that have the size of another one, by their stored names. */
function filesWithTwins(root: PlacedNode): Map<number, Map<string, Candidate>> {
  const bySize = new Map<number, number>();
  for (const { node } of contentsBelow(root)) bySize.set(node.size, (bySize.get(node.size) ?? 0) + 1);
  const contents = new Map<number, Map<string, Candidate>>();
  for (const place of contentsBelow(root)) {
    const { size } = place.node;
    if (bySize.get(size) === 1) continue;
    const { layer, name } = keyOf(place);
    const own = contents.get(layer) ?? new Map<string, Candidate>();
    contents.set(layer, own);
    // Two nodes have one content where a layer made a link to a file of a lower one.
    if (!own.has(name)) own.set(name, { path: place.path, layer, bytes: size });
  }
  return contents;
}

/** The files that have content, each by its first name. */
function* contentsBelow(root: PlacedNode): Generator<PlacedNode<FileNode>> {
  const known = new Set<FileNode>();
  for (const { path, node } of walk(root)) {
    if (node.kind !== "file" || node.size === 0 || known.has(node)) continue;
    if (node.names > 1) known.add(node);
    yield { path, node };
  }
}

function sum<T>(items: readonly T[], count: (item: T) => number): number {
  return items.reduce((total, item) => total + count(item), 0);
}
