import { mkdtempSync, rmSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { makeFileSystem, overlay, type TestFileSystem } from "../support/filesystems.ts";
import { requires, root } from "../support/requires.ts";
import { describeLayers, type Layers, validLayers } from "./random-layers.ts";
import { inCopies, inFullTree, inMemoryAndExported, inOverlay } from "./targets.ts";

const runs = Number(process.env.LAYERFS_PROPERTY_RUNS ?? 2000);
const MINUTES = 60_000;

describe("the tree of random layers", () => {
  const missing = requires(root(), overlay());
  let disk: TestFileSystem;
  beforeAll(() => {
    if (missing === null) disk = makeFileSystem("tmpfs");
  });
  afterAll(() => disk?.[Symbol.dispose]());

  it(
    "is the same in the view, exported, unpacked, in vfs's copies and through the kernel's overlayfs",
    async () => {
      const printed = validLayers.map((layers) =>
        Object.assign(layers, { [fc.toStringMethod]: () => `\n${describeLayers(layers)}` }),
      );
      await fc.assert(
        fc.asyncProperty(printed, async (layers) => {
          const { merged, exported } = await inMemoryAndExported(layers);
          expect(exported).toEqual(merged);
          for (const way of [inFullTree, inCopies, throughKernel]) expect(inScratch(disk, layers, way)).toEqual(merged);
        }),
        { numRuns: runs },
      );
    },
    5 * MINUTES,
  );
});

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
