import { spawnSync } from "node:child_process";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { decodeTree, encodeTree } from "../../src/engine/tree/layer-index/tree-codec.ts";
import { passTar } from "../../src/engine/tree/layer-pass.ts";
import { type LayerWriter, LowersNeeded, type WrittenLayer } from "../../src/layer/apply/layer-writer.ts";
import { overlayTarget } from "../../src/layer/apply/overlay-target.ts";
import { treeTarget } from "../../src/layer/apply/tree-target.ts";
import { Warnings } from "../../src/layer/apply/warnings.ts";
import { openDirectory } from "../../src/sys/at.ts";
import { copyTree } from "../../src/sys/copy-tree.ts";
import { MS_RDONLY } from "../../src/sys/flags.ts";
import { tryMount, tryUnmount } from "../../src/sys/mount.ts";
import { emptyDirectory } from "../../src/sys/remove-tree.ts";
import type { TarEntry } from "../../src/tar/entry.ts";
import { changeset } from "../../src/union/changeset.ts";
import { classifyEntry, cleanPath, pathKey } from "../../src/union/entry-path.ts";
import { exportTree } from "../../src/view/export.ts";
import { contentOf } from "../../src/view/lookup.ts";
import { type MergedTree, mergeLayers } from "../../src/view/merged-tree.ts";
import { lines, type NodeImage, snapshot } from "../support/snapshot.ts";
import { snapshotOf, treeInMemory } from "./memory.ts";
import { contentOf as contentOfEntry, type Layers } from "./random-layers.ts";

/* The layers applied in each of the ways there are, each ending in a picture of the whole tree. */

/** Applied one onto the other to one directory. */
export function inFullTree(layers: Layers, scratch: string): string[] {
  const directory = newDirectory(scratch, "tree");
  for (const [index, entries] of layers.entries()) writeToTree(directory, entries, index);
  return lines(snapshot(directory));
}

export function writeToTree(directory: string, entries: readonly TarEntry[], index: number): void {
  const options = { ignoreOwners: false, warnings: new Warnings(), implyRoot: index === 0 };
  using writer = treeTarget(openDirectory(directory), options);
  write(writer, entries, index);
  writer.finish([]);
}

/**
 * Each written to a directory of its own, then joined by the kernel. `ahead`: each layer is begun before those below it
 * are there, as layers are unpacked in parallel, and written again where that cannot be.
 */
export function inOverlay(layers: Layers, scratch: string, ahead: boolean): string[] {
  const directory = newDirectory(scratch, ahead ? "ahead" : "overlay");
  let lowers: string[] = [];
  for (const [index, entries] of layers.entries()) {
    const own = newDirectory(directory, String(index));
    const written = ahead ? writeAhead(own, entries, index, lowers) : writeToOverlay(own, entries, index, lowers);
    lowers = written.cutsLowers ? [own] : [own, ...lowers];
  }
  return throughOverlay(lowers, directory, (merged) => lines(snapshot(merged)));
}

export function writeToOverlay(
  directory: string,
  entries: readonly TarEntry[],
  index: number,
  lowers: readonly string[],
  known: readonly string[] | null = lowers,
): WrittenLayer {
  const options = { ignoreOwners: false, warnings: new Warnings(), opaqueXattr: "trusted.overlay.opaque" };
  using writer = overlayTarget(openDirectory(directory), { ...options, lowers: known });
  write(writer, entries, index);
  return writer.finish(lowers);
}

function writeAhead(
  directory: string,
  entries: readonly TarEntry[],
  index: number,
  lowers: readonly string[],
): WrittenLayer {
  try {
    return writeToOverlay(directory, entries, index, lowers, null);
  } catch (error) {
    if (!(error instanceof LowersNeeded)) throw error;
    emptyDirectory(directory);
    return writeToOverlay(directory, entries, index, lowers);
  }
}

/** Calls `act` with the mounted union of `lowers`, topmost first. */
export function throughOverlay<T>(lowers: readonly string[], scratch: string, act: (merged: string) => T): T {
  // A read-only overlay needs two lower directories.
  const bottom = newDirectory(scratch, "bottom");
  const merged = newDirectory(scratch, "merged");
  const result = tryMount("overlay", merged, "overlay", MS_RDONLY, `lowerdir=${[...lowers, bottom].join(":")}`);
  if (result < 0) throw new Error(`overlay: mount failed: ${result}`);
  try {
    return act(merged);
  } finally {
    tryUnmount(merged, 0);
  }
}

/** Each in a directory of its own that begins as a copy of the one below, as the storage driver vfs has them. */
export function inCopies(layers: Layers, scratch: string): string[] {
  const copies = newDirectory(scratch, "copies");
  let top = newDirectory(copies, "empty");
  for (const [index, entries] of layers.entries()) {
    const own = newDirectory(copies, String(index));
    if (index > 0) copyTree(top, own);
    writeToTree(own, entries, index);
    top = own;
  }
  return lines(snapshot(top));
}

export interface Views {
  readonly merged: string[];
  /** After it was kept in the form that the cache holds, and read from that. */
  readonly kept: string[];
  /** After it was exported as one tar and read again. */
  readonly exported: string[];
}

/** The merged tree in memory, and what becomes of it where it is written. */
export async function inMemoryAndWritten(layers: Layers): Promise<Views> {
  const merged = await merge(layers);
  const { tree } = decodeTree(Buffer.concat(encodeTree({ tree: merged.tree, duplicates: [] })));
  const exported = await treeInMemory([await entriesWithContent(exportMerged(merged))]);
  return {
    merged: lines(snapshotOf(merged.tree, merged.read)),
    kept: lines(snapshotOf(tree, merged.read)),
    exported: lines(exported),
  };
}

/** The merged tree in memory, and as GNU tar unpacks it after it was exported. */
export async function inMemoryAndThroughTar(
  layers: Layers,
  scratch: string,
): Promise<{ merged: string[]; unpacked: string[] }> {
  const merged = await merge(layers);
  const directory = newDirectory(scratch, "unpacked");
  const chunks: Buffer[] = [];
  for await (const chunk of exportMerged(merged)) chunks.push(chunk);
  const words = ["-xp", "--numeric-owner", "--xattrs", "--xattrs-include=*", "-C", directory];
  const { status, stderr } = spawnSync("tar", words, { input: Buffer.concat(chunks), encoding: "utf8" });
  if (status !== 0) throw new Error(`tar ${words.join(" ")}: ${stderr}`);
  const withoutRoot = (rows: readonly NodeImage[]): string[] => lines(rows.filter(({ path }) => path !== ""));
  return { merged: withoutRoot(snapshotOf(merged.tree, merged.read)), unpacked: withoutRoot(snapshot(directory)) };
}

function exportMerged({ tree, read }: Merged): AsyncGenerator<Buffer> {
  return exportTree(
    { path: "", node: tree.root },
    {
      name: Buffer.alloc(0),
      withStart: tree.root.layer >= 0,
      async *content(file) {
        const { layer, name } = contentOf(file);
        yield Buffer.from(read(layer, name), "latin1");
      },
    },
  );
}

async function entriesWithContent(archive: AsyncIterable<Buffer>): Promise<{ entry: TarEntry; content: string }[]> {
  const entries: { entry: TarEntry; content: string }[] = [];
  for await (const { entry, content } of passTar(
    archive,
    () => Buffer.alloc(0),
    () => true,
    undefined,
  )) {
    const bytes: Buffer[] = [];
    if (content !== null) for await (const chunk of content) bytes.push(chunk);
    entries.push({ entry, content: Buffer.concat(bytes).toString("latin1") });
  }
  return entries;
}

/** The merged tree in memory. */
export async function inMemory(layers: Layers): Promise<string[]> {
  const { tree, read } = await merge(layers);
  return lines(snapshotOf(tree, read));
}

interface Merged {
  readonly tree: MergedTree;
  readonly read: (layer: number, name: Buffer) => string;
}

async function merge(layers: Layers): Promise<Merged> {
  const contents = new Map<string, string>();
  const noting = layers.map((entries, layer) =>
    entries.map((entry, index) => {
      const storedName = Buffer.from(`stored-${layer}-${index}`);
      // A file below a name that aufs reserves is in no layer; the first link to it is.
      const source = isReserved(entry.linkname) ? entries.findIndex(({ name }) => isSame(name, entry.linkname)) : index;
      const size = entries[source]?.size ?? 0;
      contents.set(`${layer}/${storedName}`, contentOfEntry(layer, source, size).toString("latin1"));
      return { entry, storedName };
    }),
  );
  const tree = await mergeLayers(noting);
  return { tree, read: (layer, name) => contents.get(`${layer}/${name}`) ?? "lost" };
}

export function write(writer: LayerWriter, entries: readonly TarEntry[], layer: number): void {
  const changes = changeset(writer, { duplicates: "refuse" });
  for (const [index, entry] of entries.entries()) {
    changes.add(entry);
    if (entry.kind === "file" && entry.size > 0) writer.write(contentOfEntry(layer, index, entry.size), 0);
    writer.endEntry();
  }
}

function isReserved(name: Buffer): boolean {
  return classifyEntry(name).kind === "reserved";
}

function isSame(one: Buffer, other: Buffer): boolean {
  return pathKey(cleanPath(one)) === pathKey(cleanPath(other));
}

function newDirectory(parent: string, name: string): string {
  const directory = join(parent, name);
  mkdirSync(directory);
  return directory;
}
