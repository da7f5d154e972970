import { createHash } from "node:crypto";
import type { Digest } from "../../core/digest.ts";
import { compareTrees, type DifferentField } from "../../view/compare.ts";
import { walk } from "../../view/lookup.ts";
import type { MergedTree } from "../../view/merged-tree.ts";
import type { PlacedNode, TreeNode as ViewedNode } from "../../view/node.ts";
import type { TreeNode } from "../engine.ts";
import { type LayerStack, readStack, type StackFinder } from "../tree/layer-stack.ts";
import { keyOf, wantedFiles } from "../tree/tree-contents.ts";
import { type ConfigChange, compareConfigs, compareHistories, type HistoryChange } from "./compare-configs.ts";
import { describeNode } from "./describe-node.ts";
import type { InstalledPackage } from "./packages/package.ts";
import { comparePackages, type PackageChange, packageReader } from "./packages/readers.ts";

/** What turns one image into another. */
export interface ImageComparison {
  readonly before: ComparedImage;
  readonly after: ComparedImage;
  /** Layers that both have, from the lowest on. */
  readonly sharedLayers: number;
  /** In the order of a walk, with all below a directory that only one has. */
  readonly files: readonly FileChange[];
  /** Of dpkg, apk and npm, by their own records. */
  readonly packages: readonly PackageChange[];
  readonly config: readonly ConfigChange[];
  readonly history: HistoryChange;
}

export interface ComparedImage {
  readonly image: string;
  readonly id: Digest;
  readonly layers: readonly { readonly diffID: Digest; readonly createdBy: string | null }[];
  /** Bytes of content of the merged tree. */
  readonly size: number;
}

export interface FileChange {
  readonly kind: "added" | "removed" | "changed";
  /** Bytes, with a leading `/`. */
  readonly path: Buffer;
  /** What differs of a changed one; times are no difference. */
  readonly fields: readonly DifferentField[];
  readonly before: ComparedFile | null;
  readonly after: ComparedFile | null;
}

export type ComparedFile = Pick<TreeNode, "kind" | "mode" | "uid" | "gid" | "size" | "linkTarget" | "device" | "layer">;

/**
 * Compares what two images show. Files of one size are told apart by their contents, which are read where the images
 * do not share the layer that holds them.
 */
export function compareImages(before: StackFinder, after: StackFinder): Promise<ImageComparison> {
  return readStack(before, (one) => readStack(after, (other) => compareStacks([before, one], [after, other])));
}

type Side = readonly [StackFinder, LayerStack];

async function compareStacks([beforeFinder, before]: Side, [afterFinder, after]: Side): Promise<ImageComparison> {
  const trees = [(await before.view()).tree, (await after.view()).tree] as const;
  const { changes, unsure } = findChanges(before, after, trees);
  const old = await readFiles(before, trees[0], unsure);
  const young = await readFiles(after, trees[1], unsure);
  for (const path of unsure) {
    const change = changes.get(path);
    if (change === undefined || old.digests.get(path) === young.digests.get(path)) continue;
    changes.set(path, { ...change, fields: ["content", ...change.fields] });
  }
  return {
    before: describe(beforeFinder, before, trees[0]),
    after: describe(afterFinder, after, trees[1]),
    sharedLayers: countShared(before, after),
    files: [...changes.values()].filter(({ kind, fields }) => kind !== "changed" || fields.length > 0),
    packages: comparePackages(old.packages, young.packages),
    config: compareConfigs(before.config, after.config),
    history: compareHistories(before.config, after.config),
  };
}

interface FoundChanges {
  /** By the key of the path; of those in `unsure` it is not known yet whether they are changes. */
  readonly changes: Map<string, FileChange>;
  /** Paths of files whose contents must be read. */
  readonly unsure: ReadonlySet<string>;
}

function findChanges(before: LayerStack, after: LayerStack, trees: readonly [MergedTree, MergedTree]): FoundChanges {
  const changes = new Map<string, FileChange>();
  const unsure = new Set<string>();
  for (const difference of compareTrees(...trees)) {
    const { path, fields } = difference;
    const [one, other] = [placed(path, difference.before), placed(path, difference.after)];
    const isUnsure =
      difference.mayDifferInContent && one !== null && other !== null && !sharesContent(before, one, after, other);
    if (difference.mayDifferInContent && !isUnsure && fields.length === 0) continue;
    if (isUnsure) unsure.add(path);
    changes.set(path, {
      kind: one === null ? "added" : other === null ? "removed" : "changed",
      path: Buffer.from(`/${path}`, "latin1"),
      fields,
      before: one === null ? null : file(one),
      after: other === null ? null : file(other),
    });
  }
  return { changes, unsure };
}

function placed(path: string, node: ViewedNode | null): PlacedNode | null {
  return node === null ? null : { path, node };
}

/** Whether both are the same file of the same layer. Where layers are kept differently, their files have other names. */
function sharesContent(before: LayerStack, one: PlacedNode, after: LayerStack, other: PlacedNode): boolean {
  const [a, b] = [keyOf(one), keyOf(other)];
  const isSameLayer = before.layers[a.layer]?.diffID === after.layers[b.layer]?.diffID;
  return before.naming === after.naming && isSameLayer && a.name === b.name;
}

interface ReadFiles {
  /** By the key of the path. */
  readonly digests: ReadonlyMap<string, string>;
  readonly packages: readonly InstalledPackage[];
}

/** Reads the files at these paths, and those that tell of packages, each layer once. */
async function readFiles(stack: LayerStack, tree: MergedTree, paths: ReadonlySet<string>): Promise<ReadFiles> {
  const digests = new Map<string, string>();
  const packages: InstalledPackage[] = [];
  for (const [index, files] of contentsToRead(tree, paths)) {
    const layer = stack.layers[index];
    if (layer === undefined) continue;
    for await (const { name, content } of wantedFiles(layer, new Set(files.keys()))) {
      const names = files.get(name) ?? [];
      const hash = createHash("sha256");
      const reader = names.map((path) => ({ path, read: packageReader(path) })).find(({ read }) => read !== null);
      if (reader?.read) packages.push(...(await reader.read(reader.path, hashed(content, hash))));
      else for await (const bytes of content) hash.update(bytes);
      const digest = hash.digest("base64");
      for (const path of names) if (paths.has(path)) digests.set(path, digest);
    }
  }
  return { digests, packages };
}

async function* hashed(
  content: AsyncIterable<Buffer>,
  hash: { update(bytes: Buffer): unknown },
): AsyncGenerator<Buffer> {
  for await (const bytes of content) {
    hash.update(bytes);
    yield bytes;
  }
}

/** By layer and stored name the paths of each content. */
function contentsToRead(tree: MergedTree, paths: ReadonlySet<string>): Map<number, Map<string, string[]>> {
  const contents = new Map<number, Map<string, string[]>>();
  for (const place of walk({ path: "", node: tree.root })) {
    const { path, node } = place;
    if (node.kind !== "file" || node.size === 0 || !(paths.has(path) || packageReader(path) !== null)) continue;
    const { layer, name } = keyOf(place);
    const files = contents.get(layer) ?? new Map<string, string[]>();
    contents.set(layer, files);
    files.set(name, [...(files.get(name) ?? []), path]);
  }
  return contents;
}

function file(place: PlacedNode): ComparedFile {
  const { kind, mode, uid, gid, size, linkTarget, device, layer } = describeNode(place);
  return { kind, mode, uid, gid, size, linkTarget, device, layer };
}

function countShared(before: LayerStack, after: LayerStack): number {
  let count = 0;
  while (count < before.layers.length && before.layers[count]?.diffID === after.layers[count]?.diffID) count++;
  return count;
}

function describe({ text }: StackFinder, { id, layers }: LayerStack, tree: MergedTree): ComparedImage {
  let size = 0;
  const counted = new Set<ViewedNode>();
  for (const { node } of walk({ path: "", node: tree.root })) {
    if (node.kind !== "file" || counted.has(node)) continue;
    if (node.names > 1) counted.add(node);
    size += node.size;
  }
  return { image: text, id, layers: layers.map(({ diffID, createdBy }) => ({ diffID, createdBy })), size };
}
