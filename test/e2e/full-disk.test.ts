import { execFileSync } from "node:child_process";
import { mkdirSync, rmSync, statfsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { LayerfsError } from "../../src/core/errors.ts";
import type { Engine } from "../../src/engine/engine.ts";
import { openEngine } from "../../src/engine/open-engine.ts";
import { reserveOf } from "../../src/layer/apply/space-guard.ts";
import { smallImage } from "../support/damage.ts";
import { describeTree } from "../support/describe-tree.ts";
import {
  type FileSystemForm,
  fileSystem,
  makeFileSystem,
  overlay,
  type TestFileSystem,
} from "../support/filesystems.ts";
import { dockerArchive, type TestImage } from "../support/image-builder.ts";
import { randomBytesOf } from "../support/random.ts";
import { requires } from "../support/requires.ts";
import { scanStore } from "../support/scan-store.ts";
import { scratchDirectory } from "../support/scratch.ts";
import { layerTar } from "../support/tar-builder.ts";

const MB = 1024 * 1024;

const missing = requires(overlay(), fileSystem("ext4"));
let place: TestFileSystem;
let driver: "overlay2" | "vfs";
afterEach(() => place?.[Symbol.dispose]());

/** A small disk with an image in it, and what is free beside it. */
async function smallDisk(form: FileSystemForm, on: typeof driver): Promise<{ blocks: number; inodes: number }> {
  driver = on;
  place = makeFileSystem("ext4", form);
  await load(smallImage("kept:1", "kept"));
  return free();
}

function rootOf(): string {
  return join(place.directory, "root");
}

function free(): { blocks: number; inodes: number } {
  execFileSync("sync", ["-f", place.directory]);
  const { bfree, ffree } = statfsSync(place.directory);
  return { blocks: bfree, inodes: ffree };
}

async function layerfs<T>(use: (engine: Engine) => Promise<T>, maxLayerSize?: number): Promise<T> {
  await using engine = await openEngine({ root: rootOf(), driver, maxLayerSize });
  return await use(engine);
}

/** The archive itself lies elsewhere. Resolves with the image's names. */
function load(
  image: TestImage,
  options: { readonly maxLayerSize?: number; readonly gzip?: boolean } = {},
): Promise<string[]> {
  const file = join(scratchDirectory(), "image.tar");
  const archive = dockerArchive([image]);
  writeFileSync(file, options.gzip === true ? gzipSync(archive, { level: 1 }) : archive);
  return layerfs(async (engine) => (await engine.load({ file })).flatMap(({ names }) => names), options.maxLayerSize);
}

function filesOf(count: number, size: number, seed = "big"): Buffer {
  return layerTar(
    Array.from({ length: count }, (_, file) => ({
      name: `${seed}-${file}`,
      data: randomBytesOf(`${seed}${file}`, size),
    })),
  );
}

async function expectRefused(action: Promise<unknown>, code: string, ...words: readonly string[]): Promise<void> {
  const error = await action.then(
    () => "no error",
    (failure: unknown) => failure,
  );
  expect(error).toMatchObject({ name: "LayerfsError", code });
  const { message, hint } = error as LayerfsError;
  for (const word of words) expect(`${message}\n${hint}`).toContain(word);
}

/** Nothing is left, the space is back, and the store goes on working. */
async function expectAsBefore(before: { blocks: number; inodes: number }): Promise<void> {
  expect(scanStore(rootOf(), driver)).toEqual([]);
  const now = free();
  expect(now.inodes).toBe(before.inodes);
  expect(before.blocks - now.blocks).toBeLessThanOrEqual(2);
  await load(smallImage("next:1", "next"));
  expect(await layerfs((engine) => engine.images())).toHaveLength(2);
  expect(scanStore(rootOf(), driver)).toEqual([]);
}

describe("a disk that is too small", () => {
  it("keeps its reserve, gets its space back, and its store works on", async () => {
    const before = await smallDisk({ size: "64M" }, "overlay2");
    const { bsize, blocks } = statfsSync(place.directory);
    const loading = load({ tags: ["big:1"], layers: [filesOf(5, 4096, "low"), filesOf(70, MB)] });
    await expectRefused(
      loading,
      "NO_SPACE",
      "layer sha256:",
      "bytes are free",
      String(reserveOf(bsize * blocks)),
      "free some space",
    );
    await expectAsBefore(before);
  });

  it("is not filled by a layer of one file either", async () => {
    const before = await smallDisk({ size: "64M" }, "overlay2");
    await expectRefused(load({ tags: ["big:1"], layers: [filesOf(1, 80 * MB)] }), "NO_SPACE", "in reserve");
    await expectAsBefore(before);
  });

  it("is not filled by an archive that must be kept while it is read", async () => {
    const before = await smallDisk({ size: "64M" }, "overlay2");
    await expectRefused(
      load({ tags: ["big:1"], layers: [layerTar([{ name: "zeros", data: Buffer.alloc(80 * MB) }])] }, { gzip: true }),
      "NO_SPACE",
      "archive",
    );
    await expectAsBefore(before);
  });

  it("keeps some inodes in reserve", async () => {
    const before = await smallDisk({ size: "64M", options: ["-N", "512"] }, "overlay2");
    await expectRefused(load({ tags: ["big:1"], layers: [filesOf(600, 10)] }), "NO_SPACE", "inodes are free");
    await expectAsBefore(before);
  });

  it("gives an error where other programs fill it to the last inode", async () => {
    await smallDisk({ size: "64M", options: ["-N", "512"] }, "overlay2");
    const filler = join(place.directory, "filler");
    mkdirSync(filler);
    for (let left = free().inodes - 3; left > 0; left--) writeFileSync(join(filler, String(left)), "");
    const before = free();
    await expectRefused(load(smallImage("late:1", "late")), "NO_SPACE", "inodes");
    expect(scanStore(rootOf(), driver)).toEqual([]);
    expect(free()).toEqual(before);
    expect(await layerfs((engine) => engine.images())).toHaveLength(1);
    rmSync(filler, { recursive: true });
    await load(smallImage("late:1", "late"));
  });

  it("stops a layer at --max-layer-size", async () => {
    const before = await smallDisk({ size: "64M" }, "overlay2");
    const image = { tags: ["big:1"], layers: [filesOf(3, 100_000)] };
    await expectRefused(
      load(image, { maxLayerSize: 250_000 }),
      "LIMIT_EXCEEDED",
      "layer sha256:",
      "250000",
      "--max-layer-size",
    );
    await expectAsBefore(before);
    await load(image, { maxLayerSize: 300_000 });
  });
});

it("gives an error where the copy of the layers below fills the disk, vfs", async () => {
  const before = await smallDisk({ size: "64M" }, "vfs");
  const layers = [filesOf(6, 4 * MB), filesOf(1, 10, "second"), filesOf(1, 10, "third")];
  await expectRefused(load({ tags: ["big:1"], layers }), "NO_SPACE", "free some space");
  await expectAsBefore(before);
});

describe.each(["overlay2", "vfs"] as const)("a read-only data root, %s", (on) => {
  beforeEach(async () => {
    if (missing !== null) return;
    await smallDisk({ size: "64M" }, on);
    execFileSync("mount", ["-o", "remount,ro", place.directory]);
  });

  it("can be read", () =>
    layerfs(async (engine) => {
      expect(await engine.images()).toMatchObject([{ repository: "kept" }]);
      expect(await engine.explain("kept:1")).toMatchObject({ names: ["kept:1"] });
      expect((await engine.list("kept:1", "/d")).map(({ name }) => name.toString())).toContain("2-4");
      for await (const chunk of await engine.readFile("kept:1", "/d/1-1")) expect(chunk).toHaveLength(3000);
      expect(await engine.info()).toMatchObject({ images: 1, readOnly: true });
    }));

  it("can be unpacked from, and mounted where one says", () =>
    layerfs(async (engine) => {
      const [unpacked, target] = [scratchDirectory(), scratchDirectory()];
      await engine.unpack("kept:1", unpacked);
      expect(await engine.mount({ image: "kept:1", target })).toBe(target);
      expect(describeTree(target)).toEqual(describeTree(unpacked));
      await engine.unmount({ target });
      expect(describeTree(target)).toEqual({});
      await expect(engine.mount({ image: "kept:1" })).rejects.toMatchObject({ code: "READ_ONLY" });
    }));

  it.each([
    ["load", () => load(smallImage("new:1", "new"))],
    ["rmi", () => layerfs((engine) => engine.removeImage("kept:1"))],
    ["mount --rw", () => layerfs((engine) => engine.mount({ image: "kept:1", readWrite: true }))],
  ] as const)("is not written by %s", async (_, act) => {
    await expectRefused(act(), "READ_ONLY", place.directory, "mount the file system for writing");
    expect(scanStore(rootOf(), driver)).toEqual([]);
  });
});
