import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from "vitest";
import { type Engine, openEngine } from "../../src/index.ts";
import { makeFileSystem, overlay, type TestFileSystem } from "../support/filesystems.ts";
import { dockerArchive, type TestImage } from "../support/image-builder.ts";
import { program, requires } from "../support/requires.ts";
import { layerTar } from "../support/tar-builder.ts";

const MEBIBYTE = 1024 * 1024;
/** Records, directories and what the file system rounds up. */
const BOOKKEEPING = 0.5 * MEBIBYTE;

const [base, middle, red, blue] = [9, 5, 3, 4].map((size, index) =>
  layerTar([
    { name: `layer-${index}`, type: "directory" },
    { name: `layer-${index}/content`, data: Buffer.alloc(size * MEBIBYTE, `layer ${index} `) },
  ]),
) as [Buffer, Buffer, Buffer, Buffer];
const RED: TestImage = { tags: ["red:1"], layers: [base, middle, red] };
const BLUE: TestImage = { tags: ["blue:1"], layers: [base, middle, blue] };

describe("two images that share two of their three layers, on overlay2", () => {
  const missing = requires(overlay(), program("du"));
  let place: TestFileSystem;
  beforeAll(() => {
    if (missing === null) place = makeFileSystem("ext4");
  });
  afterAll(() => place?.[Symbol.dispose]());

  it.each([
    ["in one archive", [[RED, BLUE]]],
    ["in two archives, one after the other", [[RED], [BLUE]]],
  ])("take the space of the four distinct layers, loaded %s", async (_how, archives) => {
    const { engine, root } = await openIn(place);
    for (const images of archives) await load(engine, images);
    expectAbout(diskUsage(join(root, "overlay2")), (9 + 5 + 3 + 4) * MEBIBYTE);
    expectAbout(diskUsage(root), (9 + 5 + 3 + 4) * MEBIBYTE);
    expect((await engine.info()).layers).toBe(4);
  });

  it("take only the space of the added layer, once the first is there", async () => {
    const { engine, root } = await openIn(place);
    await load(engine, [RED]);
    const before = diskUsage(root);
    await load(engine, [BLUE]);
    expectAbout(diskUsage(root) - before, 4 * MEBIBYTE);
    await load(engine, [RED, BLUE]);
    expectAbout(diskUsage(root) - before, 4 * MEBIBYTE);
  });

  it("give back only the layer that the other does not use", async () => {
    const { engine, root } = await openIn(place);
    await load(engine, [RED, BLUE]);
    await engine.removeImage("red:1");
    expectAbout(diskUsage(root), (9 + 5 + 4) * MEBIBYTE);
    await engine.removeImage("blue:1");
    expectAbout(diskUsage(root), 0);
  });
});

async function openIn(place: TestFileSystem): Promise<{ engine: Engine; root: string }> {
  const root = mkdtempSync(join(place.directory, "root-"));
  const engine = await openEngine({ root, driver: "overlay2" });
  onTestFinished(async () => {
    await engine[Symbol.asyncDispose]();
    rmSync(root, { recursive: true });
  });
  return { engine, root };
}

async function load(engine: Engine, images: readonly TestImage[]): Promise<void> {
  const archive = join(engine.root, "archive.tar");
  writeFileSync(archive, dockerArchive(images));
  await engine.load({ file: archive });
  rmSync(archive);
}

/** Bytes on disk, by st_blocks; a file with several names counts once. */
function diskUsage(directory: string): number {
  spawnSync("sync", ["-f", directory]);
  return Number(spawnSync("du", ["-s", "-B1", directory], { encoding: "utf8" }).stdout.split("\t")[0]);
}

function expectAbout(bytes: number, content: number): void {
  expect(bytes).toBeGreaterThanOrEqual(content);
  expect(bytes).toBeLessThan(content + BOOKKEEPING);
}
