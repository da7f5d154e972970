import { mkdtempSync, rmSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { makeFileSystem, overlay, type TestFileSystem } from "../support/filesystems.ts";
import { program, requires, root } from "../support/requires.ts";
import { describeLayers, type Layers, validLayers } from "./random-layers.ts";
import { inCopies, inFullTree, inMemoryAndThroughTar, inMemoryAndWritten, inOverlay } from "./targets.ts";

const runs = Number(process.env.LAYERFS_PROPERTY_RUNS ?? 2000);
const MINUTES = 60_000;

describe("the tree of random layers", () => {
  const missing = requires(root(), overlay(), program("tar"));
  let disk: TestFileSystem;
  beforeAll(() => {
    if (missing === null) disk = makeFileSystem("tmpfs");
  });
  afterAll(() => disk?.[Symbol.dispose]());

  it(
    "is the same in the view, kept, exported, unpacked, in vfs's copies and through the kernel's overlayfs",
    async () => {
      await fc.assert(
        fc.asyncProperty(printed, async (layers) => {
          const { merged, kept, exported } = await inMemoryAndWritten(layers);
          expect(kept).toEqual(merged);
          expect(exported).toEqual(merged);
          for (const way of [inFullTree, inCopies, throughKernel]) expect(inScratch(disk, layers, way)).toEqual(merged);
        }),
        { numRuns: runs },
      );
    },
    5 * MINUTES,
  );

  it(
    "is exported so that GNU tar makes the same of it",
    async () => {
      await fc.assert(
        fc.asyncProperty(printed, async (layers) => {
          const scratch = mkdtempSync(join(disk.directory, "case-"));
          const { merged, unpacked } = await inMemoryAndThroughTar(layers, scratch);
          rmSync(scratch, { recursive: true });
          expect(unpacked).toEqual(merged);
        }),
        { numRuns: Math.ceil(runs / 10) },
      );
    },
    5 * MINUTES,
  );
});

const printed = validLayers.map((layers) =>
  Object.assign(layers, { [fc.toStringMethod]: () => `\n${describeLayers(layers)}` }),
);

function throughKernel(layers: Layers, scratch: string): string[] {
  return inOverlay(layers, scratch, false);
}

function inScratch(disk: TestFileSystem, layers: Layers, way: (layers: Layers, scratch: string) => string[]): string[] {
  const scratch = mkdtempSync(join(disk.directory, "case-"));
  try {
    return way(layers, scratch);
  } finally {
    rmSync(scratch, { recursive: true });
  }
}
