import { mkdtempSync, rmSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { makeFileSystem, overlay, type TestFileSystem } from "../support/filesystems.ts";
import { requires, root } from "../support/requires.ts";
import { describeLayers, type Layers, validLayers } from "./random-layers.ts";
import { inFullTree, inMemory, inOverlay } from "./targets.ts";

const runs = Number(process.env.LAYERFS_PROPERTY_RUNS ?? 200);

/**
 * The proof of the changeset algorithm: random layers mean the same in a full tree, in overlay directories as the
 * kernel shows them, and in the merged tree in memory.
 */
describe("layers of any entries", () => {
  const missing = requires(root(), overlay());
  let disk: TestFileSystem;
  beforeAll(() => {
    if (missing === null) disk = makeFileSystem("tmpfs");
  });
  afterAll(() => disk?.[Symbol.dispose]());

  const inScratch = <T>(act: (scratch: string) => T): T => {
    const scratch = mkdtempSync(join(disk.directory, "case-"));
    try {
      return act(scratch);
    } finally {
      rmSync(scratch, { recursive: true });
    }
  };
  const holds = (check: (layers: Layers) => Promise<void>) =>
    fc.assert(
      fc.asyncProperty(
        validLayers.map((layers) =>
          Object.assign(layers, { [fc.toStringMethod]: () => `\n${describeLayers(layers)}` }),
        ),
        check,
      ),
      { numRuns: runs },
    );

  it("show the same in memory as in a full tree", async () => {
    await holds(async (layers) => {
      expect(await inMemory(layers)).toEqual(inScratch((scratch) => inFullTree(layers, scratch)));
    });
  });

  it("show the same through the kernel's overlayfs as in memory", async () => {
    await holds(async (layers) => {
      expect(inScratch((scratch) => inOverlay(layers, scratch, false))).toEqual(await inMemory(layers));
    });
  });

  it("show the same when each is begun before the layers below it are there", async () => {
    await holds(async (layers) => {
      expect(inScratch((scratch) => inOverlay(layers, scratch, true))).toEqual(await inMemory(layers));
    });
  });
});
