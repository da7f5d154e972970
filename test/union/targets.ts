import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { type LayerWriter, LowersNeeded, type WrittenLayer } from "../../src/layer/apply/layer-writer.ts";
import { overlayTarget } from "../../src/layer/apply/overlay-target.ts";
import { treeTarget } from "../../src/layer/apply/tree-target.ts";
import { Warnings } from "../../src/layer/apply/warnings.ts";
import { openDirectory } from "../../src/sys/at.ts";
import { MS_RDONLY } from "../../src/sys/flags.ts";
import { tryMount, tryUnmount } from "../../src/sys/mount.ts";
import { emptyDirectory } from "../../src/sys/remove-tree.ts";
import type { TarEntry } from "../../src/tar/entry.ts";
import { changeset } from "../../src/union/changeset.ts";
import { classifyEntry, cleanPath, pathKey } from "../../src/union/entry-path.ts";
import { mergeLayers } from "../../src/view/merged-tree.ts";
import { lines, snapshot } from "../support/snapshot.ts";
import { snapshotOf } from "./memory.ts";
import { contentOf, type Layers } from "./random-layers.ts";

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

/** The merged tree in memory. */
export async function inMemory(layers: Layers): Promise<string[]> {
  const contents = new Map<string, string>();
  const noting = layers.map((entries, layer) =>
    entries.map((entry, index) => {
      const storedName = Buffer.from(`stored-${layer}-${index}`);
      // A file below a name that aufs reserves is in no layer; the first link to it is.
      const source = isReserved(entry.linkname) ? entries.findIndex(({ name }) => isSame(name, entry.linkname)) : index;
      const size = entries[source]?.size ?? 0;
      contents.set(`${layer}/${storedName}`, contentOf(layer, source, size).toString("latin1"));
      return { entry, storedName };
    }),
  );
  const tree = await mergeLayers(noting);
  return lines(snapshotOf(tree, (layer, name) => contents.get(`${layer}/${name}`) ?? "lost"));
}

export function write(writer: LayerWriter, entries: readonly TarEntry[], layer: number): void {
  const changes = changeset(writer, { duplicates: "refuse" });
  for (const [index, entry] of entries.entries()) {
    changes.add(entry);
    if (entry.kind === "file" && entry.size > 0) writer.write(contentOf(layer, index, entry.size), 0);
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
