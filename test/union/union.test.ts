import { mkdtempSync, rmSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { isLayerfsError } from "../../src/core/errors.ts";
import { makeFileSystem, overlay, type TestFileSystem } from "../support/filesystems.ts";
import { requires, root } from "../support/requires.ts";
import { anyLayers, describeLayers, firstRefused, type Layers, validLayers } from "./random-layers.ts";
import { inFullTree, inMemory, inOverlay } from "./targets.ts";

const runs = Number(process.env.LAYERFS_PROPERTY_RUNS ?? 200);

/**
 * The proof of the changeset algorithm, beside every-way.test.ts: what random layers mean does not depend on when each
 * is written, and every target refuses the same.
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
    fc.assert(fc.asyncProperty(validLayers.map(printed), check), { numRuns: runs });

  it("show the same when each is begun before the layers below it are there", async () => {
    await holds(async (layers) => {
      expect(inScratch((scratch) => inOverlay(layers, scratch, true))).toEqual(await inMemory(layers));
    });
  });

  it("are refused by all alike, or by none", async () => {
    const property = fc.asyncProperty(anyLayers.map(printed), async (layers) => {
      const refused = firstRefused(layers)?.message ?? null;
      expect(inScratch((scratch) => refusal(() => inFullTree(layers, scratch)))).toBe(refused);
      expect(inScratch((scratch) => refusal(() => inOverlay(layers, scratch, false)))).toBe(refused);
      expect(inScratch((scratch) => refusal(() => inOverlay(layers, scratch, true)))).toBe(refused);
    });
    await fc.assert(property, { numRuns: runs });
  });
});

function printed(layers: Layers): Layers {
  return Object.assign(layers, { [fc.toStringMethod]: () => `\n${describeLayers(layers)}` });
}

function refusal(act: () => unknown): string | null {
  try {
    act();
    return null;
  } catch (error) {
    if (!isLayerfsError(error, "INVALID_LAYER")) throw error;
    return error.message;
  }
}
