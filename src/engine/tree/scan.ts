import type { Digest } from "../../core/digest.ts";
import { pathGlobMatcher } from "../../core/glob.ts";
import type { TarEntry } from "../../tar/entry.ts";
import { classifyEntry, nameKey } from "../../union/entry-path.ts";
import { contentOf, walk } from "../../view/lookup.ts";
import type { LayerEntry, MergedTree } from "../../view/merged-tree.ts";
import { mergeLayers } from "../../view/merged-tree.ts";
import type { FileNode, PlacedNode } from "../../view/node.ts";
import { copiedChunks } from "./copied-chunks.ts";
import type { ImageLayer } from "./image-layer.ts";

/** One version of a file, as a layer holds it. */
export interface FileVersion {
  /** Bytes of the path as the layer has it, with a leading `/`. */
  readonly path: Buffer;
  /** Index of the layer, lowest 0. */
  readonly layer: number;
  readonly diffID: Digest;
  readonly size: number;
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
}

/** What a scan has found in one layer: it depends on the layer and the handlers alone, so it may be kept by its diffID. */
export interface LayerScan<R> {
  readonly diffID: Digest;
  readonly files: readonly LayerScanFile<R>[];
}

export interface LayerScanFile<R> {
  /** The name by which the layer keeps the file; here and in `path` a character stands for a byte. */
  readonly stored: string;
  readonly path: string;
  readonly result: R;
}

export interface ScanHandlers<R> {
  /** Globs, as of `View.walk`, of the files that are wanted. */
  readonly match: string | readonly string[];
  /**
   * Called for each wanted file of each layer, lowest layer first, one after the other. The stream need not be read to
   * its end; it is of no use when the call is done.
   */
  file(version: FileVersion, content: AsyncIterable<Buffer>): R | Promise<R>;
  /** What an earlier scan has found in a layer: then its files are not read again. Nothing: they are. */
  recall?(diffID: Digest): LayerScan<R> | null | undefined | Promise<LayerScan<R> | null | undefined>;
  /** Takes what was found in a layer that was read to its end and, if it is of a source, verified. */
  remember?(scan: LayerScan<R>): void | Promise<void>;
}

/** A version of a file with what its handler gave. */
export interface ScannedFile<R> {
  /** Bytes of the path, with a leading `/`: in the image of a file that is shown, else in its layer. */
  readonly path: Buffer;
  readonly layer: number;
  readonly diffID: Digest;
  readonly result: R;
}

export interface ScanResult<R> {
  /** What the image shows, by path; a file of several names has each of them. */
  readonly files: readonly ScannedFile<R>[];
  /** Versions that a later layer, or a later entry of their own, replaced or deleted; lowest layer first. */
  readonly hidden: readonly ScannedFile<R>[];
}

/**
 * One pass over the layers, one chunk of one file in memory. A file that is wanted under a name that its own layer does
 * not give it (a hard link, a directory that is reached through a symlink) is read by itself at the end.
 *
 * What a handler throws ends the scan and passes through.
 */
export async function scanLayers<R>(
  layers: readonly ImageLayer[],
  handlers: ScanHandlers<R>,
  signal: AbortSignal | undefined,
): Promise<ScanResult<R>> {
  const matches = matcher(handlers.match);
  const found = layers.map(() => new Map<string, Finding<R>>());
  const tree = await mergeLayers(
    layers.map((layer, index) => scanLayer(layer, index, matches, handlers, found[index]!, signal)),
    { signal },
  );
  const files: ScannedFile<R>[] = [];
  const shown = new Set<Finding<R>>();
  for (const place of wantedFiles(tree, matches)) {
    const { layer: index, name } = contentOf(place);
    const layer = layers[index]!;
    let finding = found[index]!.get(keyOf(name));
    if (finding === undefined) {
      finding = { path: pathOf(place.path), result: await readAlone(layer, index, place, name, handlers) };
      found[index]!.set(keyOf(name), finding);
    }
    shown.add(finding);
    files.push({ path: pathOf(place.path), layer: index, diffID: layer.diffID, result: finding.result });
  }
  const hidden = found.flatMap((findings, index) =>
    [...findings.values()]
      .filter((finding) => !shown.has(finding))
      .map(({ path, result }) => ({ path, layer: index, diffID: layers[index]!.diffID, result })),
  );
  return { files, hidden };
}

interface Finding<R> {
  readonly path: Buffer;
  readonly result: R;
}

/** The layer's entries, while what is found in it goes to `found`. */
async function* scanLayer<R>(
  layer: ImageLayer,
  index: number,
  matches: (key: string) => boolean,
  handlers: ScanHandlers<R>,
  found: Map<string, Finding<R>>,
  signal: AbortSignal | undefined,
): AsyncGenerator<LayerEntry> {
  const known = await handlers.recall?.(layer.diffID);
  if (known !== null && known !== undefined) {
    for (const { stored, path, result } of known.files) found.set(stored, { path: pathOf(path), result });
    yield* layer.entries();
    return;
  }
  const wants = ({ name }: TarEntry): boolean => matches(nameKey(name)) && classifyEntry(name).kind === "node";
  for await (const { entry, storedName, content } of layer.pass(wants, signal)) {
    yield { entry, storedName };
    if (content === null) continue;
    const path = pathOf(nameKey(entry.name));
    const { size, mode, uid, gid } = entry;
    const version = { path, layer: index, diffID: layer.diffID, size, mode, uid, gid };
    found.set(keyOf(storedName), { path, result: await handlers.file(version, copiedChunks(content)) });
  }
  const files = Array.from(found, ([stored, { path, result }]) => {
    return { stored, path: path.toString("latin1", 1), result };
  });
  await handlers.remember?.({ diffID: layer.diffID, files });
}

function readAlone<R>(
  layer: ImageLayer,
  index: number,
  { path, node }: PlacedNode<FileNode>,
  name: Buffer,
  handlers: ScanHandlers<R>,
): R | Promise<R> {
  const { size, mode, uid, gid } = node;
  const version = { path: pathOf(path), layer: index, diffID: layer.diffID, size, mode, uid, gid };
  return handlers.file(version, size === 0 ? nothing() : layer.content(name, { start: 0, end: size - 1 }));
}

function* wantedFiles(tree: MergedTree, matches: (key: string) => boolean): Generator<PlacedNode<FileNode>> {
  for (const { path, node } of walk({ path: "", node: tree.root })) {
    if (node.kind === "file" && matches(path)) yield { path, node };
  }
}

function matcher(match: string | readonly string[]): (key: string) => boolean {
  const globs = [match].flat().map(pathGlobMatcher);
  return (key) => {
    const path = Buffer.from(key, "latin1").toString();
    return globs.some((matches) => matches(path));
  };
}

function keyOf(storedName: Buffer): string {
  return storedName.toString("latin1");
}

function pathOf(key: string): Buffer {
  return Buffer.from(`/${key}`, "latin1");
}

async function* nothing(): AsyncGenerator<Buffer> {}
