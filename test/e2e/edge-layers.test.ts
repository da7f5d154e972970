import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Engine } from "../../src/engine/engine.ts";
import { openEngine } from "../../src/engine/open-engine.ts";
import { openImage } from "../../src/index.ts";
import { BASE, EDGE_CASES, type EdgeCase } from "../corpus/edge-layers.ts";
import { collect } from "../support/apply.ts";
import { describeTree } from "../support/describe-tree.ts";
import { extractTar } from "../support/extract.ts";
import { makeFileSystem, overlay, type TestFileSystem } from "../support/filesystems.ts";
import { dockerArchive } from "../support/image-builder.ts";
import { program, requires, root } from "../support/requires.ts";
import { scanStore } from "../support/scan-store.ts";
import { scratchDirectory } from "../support/scratch.ts";
import { archiveOf, reader } from "../support/sources.ts";

const WAYS = ["overlay2, mounted", "vfs, mounted", "unpacked"] as const;

describe.each(WAYS)("a layer with an oddity, %s", (way) => {
  const missing = requires(overlay());
  const driver = way.startsWith("vfs") ? "vfs" : "overlay2";
  let place: TestFileSystem;
  let storeRoot: string;
  let engine: Engine;
  beforeAll(async () => {
    if (missing !== null) return;
    place = makeFileSystem("ext4");
    storeRoot = join(place.directory, "root");
    engine = await openEngine({ root: storeRoot, driver });
  });
  afterAll(async () => {
    await engine?.[Symbol.asyncDispose]();
    place?.[Symbol.dispose]();
  });

  it.each(EDGE_CASES.map((edge) => [edge.name, edge] as const))("%s", async (_name, edge) => {
    const outcome = await load(engine, edge);
    if ("refused" in edge.expected) {
      expect(outcome).toMatch(edge.expected.refused);
      expect(await engine.images()).toEqual([]);
    } else {
      expect(outcome).toBe("loaded");
      expect(way === "unpacked" ? await unpacked(engine) : await mounted(engine)).toEqual(edge.expected.tree);
      expect((await engine.check([])).findings).toEqual([]);
      await engine.removeImage("edge:1");
    }
    expect(scanStore(storeRoot, driver)).toEqual([]);
  });
});

describe("a layer with an oddity, looked into without a store", () => {
  requires(root(), program("tar"));

  it.each(EDGE_CASES.map((edge) => [edge.name, edge] as const))("%s", async (_name, { layers, expected }) => {
    const source = archiveOf({ tags: [], layers: [BASE, ...layers] });
    const engine = await reader();
    const seen = "tree" in expected ? expected.tree : expected.seen;
    if (seen === undefined) {
      const refusal = expect.objectContaining({ message: expect.stringMatching((expected as Refused).refused) });
      await expect(engine.list(source, "/", { recursive: true })).rejects.toEqual(refusal);
      await expect(collect(engine.export(source))).rejects.toEqual(refusal);
      return;
    }
    expect(describeTree(extractTar(await collect(engine.export(source))))).toEqual(seen);
    await using image = await openImage(source, { cacheDirectory: null });
    const view = await image.view();
    const nodes = [...view.walk()].slice(1);
    expect(nodes.map(({ path }) => path.toString().slice(1)).sort()).toEqual(Object.keys(seen).sort());
    for (const { kind, path, size } of nodes) {
      if (kind === "file") expect(await view.readFile(path)).toHaveLength(size);
    }
  });
});

type Refused = Extract<EdgeCase["expected"], { refused: RegExp }>;

async function load(engine: Engine, edge: EdgeCase): Promise<string> {
  const file = join(scratchDirectory(), "edge.tar");
  writeFileSync(file, dockerArchive([{ tags: ["edge:1"], layers: [BASE, ...edge.layers] }]));
  try {
    await engine.load({ file });
    return "loaded";
  } catch (error) {
    return (error as Error).message;
  }
}

async function mounted(engine: Engine): Promise<Record<string, string>> {
  const target = scratchDirectory();
  await engine.mount({ image: "edge:1", target });
  try {
    return describeTree(target);
  } finally {
    await engine.unmount({ target });
  }
}

async function unpacked(engine: Engine): Promise<Record<string, string>> {
  const directory = scratchDirectory();
  await engine.unpack("edge:1", directory);
  return describeTree(directory);
}
