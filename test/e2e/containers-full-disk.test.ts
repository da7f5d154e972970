import { rmSync, statfsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { isLayerfsError } from "../../src/core/errors.ts";
import type { Engine } from "../../src/engine/engine.ts";
import { openEngine } from "../../src/engine/open-engine.ts";
import { makeFileSystem, overlay, type TestFileSystem } from "../support/filesystems.ts";
import { dockerArchive } from "../support/image-builder.ts";
import { requires } from "../support/requires.ts";
import { scanStore } from "../support/scan-store.ts";
import { scratchDirectory } from "../support/scratch.ts";
import { layerTar } from "../support/tar-builder.ts";

const image = {
  tags: ["x:1"],
  layers: [
    layerTar([
      { name: "data/", type: "directory" },
      { name: "data/file", data: Buffer.alloc(20_000, 1) },
    ]),
  ],
  config: { config: { Cmd: ["sh"], Volumes: { "/data": {} }, WorkingDir: "/made" } },
};
/** Left free at the beginning, and how much more for each attempt. */
const STEP = 4096;
const ATTEMPTS = 60;

const missing = requires(overlay());

describe.each(["overlay2", "vfs"] as const)("on a disk that is nearly full, with %s, a container", (driver) => {
  let place: TestFileSystem;
  let engine: Engine;
  beforeEach(async () => {
    if (missing !== null) return;
    place = makeFileSystem("tmpfs", { size: "4M" });
    engine = await openEngine({ root: join(place.directory, "root"), driver });
    const file = join(scratchDirectory(), "image.tar");
    writeFileSync(file, dockerArchive([image]));
    await engine.load({ file });
  });
  afterEach(async () => {
    await engine?.[Symbol.asyncDispose]();
    place?.[Symbol.dispose]();
  });

  it("is made whole or not at all, wherever the space ends", { timeout: 60_000 }, async () => {
    const filler = join(place.directory, "filler");
    const outcomes: string[] = [];
    for (let attempt = 0; attempt < ATTEMPTS && !outcomes.includes("made"); attempt++) {
      const { bavail, bsize } = statfsSync(place.directory);
      writeFileSync(filler, Buffer.alloc(Math.max(0, bavail * bsize - attempt * STEP)));
      outcomes.push(await outcomeOf(engine.createContainer("x:1", { name: "box" })));
      rmSync(filler);
      expect(scanStore(engine.root, driver), `with ${attempt * STEP} bytes free`).toEqual([]);
      expect(await engine.containers({ all: true })).toHaveLength(outcomes.includes("made") ? 1 : 0);
    }
    expect(outcomes.at(-1)).toBe("made");
    expect(new Set(outcomes.slice(0, -1))).toEqual(new Set(["NO_SPACE"]));
    expect(outcomes.length).toBeGreaterThan(5);
    await engine.removeContainer("box", { volumes: true });
    expect(scanStore(engine.root, driver)).toEqual([]);
  });
});

async function outcomeOf(made: Promise<unknown>): Promise<string> {
  try {
    await made;
    return "made";
  } catch (error) {
    if (isLayerfsError(error)) return error.code;
    throw error;
  }
}
