import { spawnSync } from "node:child_process";
import { chmodSync, mkdirSync, readdirSync, readFileSync, utimesSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { describe, expect, it } from "vitest";
import { CACHE_VERSION } from "../../src/engine/tree/layer-index/cache.ts";
import { openImage, type ProgressEvent } from "../../src/index.ts";
import { fileSystem, makeFileSystem } from "../support/filesystems.ts";
import type { TestImage } from "../support/image-builder.ts";
import { startLayerfs, startProcess } from "../support/layerfs-process.ts";
import { named, OciLayout } from "../support/oci-builder.ts";
import { randomBytesOf } from "../support/random.ts";
import { program, requiresHere, root } from "../support/requires.ts";
import { scratchDirectory } from "../support/scratch.ts";
import { layerTar } from "../support/tar-builder.ts";
import { checkout } from "../support/tree.ts";

/** Text that packs a little, and is long enough for places to restart from. */
const file = Buffer.from(randomBytesOf("file", 5 << 20).toString("hex"), "latin1");
const image: TestImage = {
  tags: ["app:1"],
  layers: [
    layerTar([
      { name: "before", data: file },
      { name: "after", data: "content" },
    ]),
  ],
  stored: (tar) => gzipSync(tar, { level: 1 }),
};
const LISTED = "after\nbefore\n";

function makeSource(): string {
  const layout = new OciLayout();
  const directory = layout.entries(layout.image(image, { descriptor: named("app") })).write();
  chmodSync(directory, 0o755);
  return `oci:${directory}`;
}

/** How many stored bytes a look at the listing and at one file reads from a layer's start. */
async function bytesPassed(source: string, cacheDirectory: string): Promise<number> {
  let bytes = 0;
  const onProgress = (event: ProgressEvent): void => {
    if (event.type === "layer-progress") bytes += event.bytes;
  };
  await using opened = await openImage(source, { cacheDirectory, onProgress });
  const view = await opened.view();
  expect(view.readdir("/").map(({ name }) => name.toString())).toEqual(["after", "before"]);
  expect((await view.readFile("/after")).toString()).toBe("content");
  return bytes;
}

function records(cache: string): string[] {
  return readdirSync(join(cache, CACHE_VERSION)).sort();
}

describe("a cache directory", () => {
  it("that is read-only is used as it is, however old its records are", async (context) => {
    requiresHere(context, fileSystem("tmpfs"));
    using place = makeFileSystem("tmpfs");
    const [source, cache] = [makeSource(), join(place.directory, "cache")];
    await bytesPassed(source, cache);
    for (const name of records(cache)) utimesSync(join(cache, CACHE_VERSION, name), 1_700_000_000, 1_700_000_000);
    expect(spawnSync("mount", ["-o", "remount,ro", place.directory]).status).toBe(0);
    expect(await bytesPassed(source, cache)).toBe(0);
  });

  it("that is full keeps what it can, and nothing half", async (context) => {
    requiresHere(context, fileSystem("tmpfs"));
    using place = makeFileSystem("tmpfs", { size: "64K" });
    const [source, cache] = [makeSource(), join(place.directory, "cache")];
    mkdirSync(join(cache, CACHE_VERSION), { recursive: true });
    writeFileSync(join(place.directory, "filler"), Buffer.alloc(48 << 10));
    expect(await bytesPassed(source, cache)).toBeGreaterThan(0);
    // The points to restart from are 32 KiB each and more. The file that was read is small.
    expect(records(cache).map((name) => name.replace(/-.*/, ""))).toEqual(["files", "layers", "trees"]);
    expect(await bytesPassed(source, cache)).toBe(0);
  });

  it("is filled by several processes at the same time", async () => {
    const [source, cache] = [makeSource(), scratchDirectory()];
    const runs = Array.from({ length: 3 }, () => startLayerfs(["ls", source], undefined, { XDG_CACHE_HOME: cache }));
    for (const { status, stdout, stderr } of await Promise.all(runs.map(({ ended }) => ended))) {
      expect({ status, stdout, stderr }).toEqual({ status: 0, stdout: LISTED, stderr: "" });
    }
    expect(records(join(cache, "layerfs")).filter((name) => name.endsWith(".tmp"))).toEqual([]);
    expect(await bytesPassed(source, join(cache, "layerfs"))).toBe(0);
  });

  it.each(["layers", "points", "trees"])("makes a damaged record of %s anew, and answers right", async (kind) => {
    const [source, cache] = [makeSource(), scratchDirectory()];
    await bytesPassed(source, cache);
    const name = records(cache).find((each) => each.startsWith(`${kind}-`)) ?? "";
    const path = join(cache, CACHE_VERSION, name);
    const whole = readFileSync(path);
    const damaged = Buffer.from(whole);
    damaged[damaged.length >> 1]! ^= 0x40;
    writeFileSync(path, damaged);
    await bytesPassed(source, cache);
    expect(readFileSync(path).equals(whole)).toBe(true);
    expect(await bytesPassed(source, cache)).toBe(0);
  });
});

describe("a user", () => {
  it.each([
    ["without a home", []],
    ["whose home is absent, and whose cache directory is no path", ["HOME=/proc/no-home", "XDG_CACHE_HOME=cache"]],
    ["who may not write to his home", ["HOME=/usr"]],
  ])("%s gets the same answers", { timeout: 60_000 }, async (_, variables) => {
    const source = makeSource();
    const nobody =
      root() === null && program("setpriv") === null
        ? ["setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups"]
        : [];
    const words = [...nobody, "env", "-i", `PATH=${process.env.PATH}`, ...variables, join(checkout, "bin/layerfs")];
    const [program_ = "", ...rest] = [...words, "ls", source];
    expect(await startProcess(program_, rest, {}).ended).toEqual({
      status: 0,
      signal: null,
      stdout: LISTED,
      stderr: "",
    });
  });
});
