import { mkdirSync, readdirSync, utimesSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";
import { overlay } from "../../test/support/filesystems.ts";
import { dockerArchive } from "../../test/support/image-builder.ts";
import { requires } from "../../test/support/requires.ts";
import { scanStore } from "../../test/support/scan-store.ts";
import { scratchDirectory } from "../../test/support/scratch.ts";
import { layerTar } from "../../test/support/tar-builder.ts";
import { tryUnmount } from "../sys/mount.ts";
import type { Engine } from "./engine.ts";
import { openEngine } from "./open-engine.ts";

const image = { tags: ["x:1"], layers: [layerTar([{ name: "a", data: "a" }]), layerTar([{ name: "b", data: "b" }])] };

async function openWithImage(root: string, driver: "overlay2" | "vfs"): Promise<Engine> {
  const engine = await openEngine({ root, driver });
  onTestFinished(() => engine[Symbol.asyncDispose]());
  const file = join(scratchDirectory(), "image.tar");
  writeFileSync(file, dockerArchive([image]));
  await engine.load({ file });
  return engine;
}

/** Any command that writes. */
async function useStore(engine: Engine): Promise<void> {
  await expect(engine.removeImage("absent")).rejects.toMatchObject({ code: "NOT_FOUND" });
}

describe("the next command that writes", () => {
  requires(overlay());

  it("removes what a pull left more than a week ago, and keeps what is newer", async () => {
    const root = scratchDirectory();
    const engine = await openWithImage(root, "vfs");
    const directory = join(root, "layerfs/blobs");
    mkdirSync(directory);
    const day = 24 * 3600 * 1000;
    for (const [digit, days] of [
      ["a", 6],
      ["b", 8],
    ] as const) {
      for (const suffix of ["", ".state"]) {
        const file = join(directory, `sha256-${digit.repeat(64)}${suffix}`);
        writeFileSync(file, "");
        utimesSync(file, new Date(), new Date(Date.now() - days * day));
      }
    }
    await useStore(engine);
    const kept = `sha256-${"a".repeat(64)}`;
    expect(readdirSync(directory).sort()).toEqual(["lock", kept, `${kept}.state`]);
  });

  it("removes every kind of file that a kill may leave under a temporary name", async () => {
    const root = scratchDirectory();
    const engine = await openWithImage(root, "vfs");
    const left = [
      "image/vfs/.repositories.json.0a0b0c0d0e0f.tmp",
      "image/vfs/imagedb/content/sha256/.0123.0a0b0c0d0e0f.tmp",
      "image/vfs/distribution/diffid-by-digest/sha256/.0123.0a0b0c0d0e0f.tmp",
      "image/vfs/distribution/v2metadata-by-diffid/sha256/.0123.0a0b0c0d0e0f.tmp",
      "layerfs/leases/0123.json.new",
      "layerfs/mounts/.0123.json.tmp",
      "layerfs/tmp/.spool-0123.tmp",
    ];
    for (const name of left) mkdirSync(dirname(join(root, name)), { recursive: true });
    for (const name of left) writeFileSync(join(root, name), "");
    await useStore(engine);
    const files = readdirSync(root, { recursive: true, encoding: "utf8" });
    expect(files.filter((name) => /\.(tmp|new)$/.test(name))).toEqual([]);
    expect(scanStore(root, "vfs")).toEqual([]);
  });

  it("forgets a writable mount that is gone and in which nothing was changed", async () => {
    const root = scratchDirectory();
    const engine = await openWithImage(root, "overlay2");
    const target = scratchDirectory();
    await engine.mount({ image: "x:1", target, readWrite: true });
    tryUnmount(target, 0);
    await useStore(engine);
    expect(await engine.mounts()).toEqual([]);
    expect(scanStore(root, "overlay2")).toEqual([]);
  });

  it("keeps what was changed in a writable mount that is gone, until the user gives it up", async () => {
    const root = scratchDirectory();
    const engine = await openWithImage(root, "overlay2");
    const target = scratchDirectory();
    await engine.mount({ image: "x:1", target, readWrite: true });
    writeFileSync(join(target, "mine"), "");
    tryUnmount(target, 0);
    await useStore(engine);
    expect(await engine.mounts()).toMatchObject([{ target, readWrite: true, mounted: false }]);
    await expect(engine.unmount({ target })).rejects.toMatchObject({ code: "CONFLICT" });
    await engine.unmount({ target, discard: true });
    expect(scanStore(root, "overlay2")).toEqual([]);
  });
});

it("leaves no nameless image where its names cannot be written", async () => {
  const root = scratchDirectory();
  const engine = await openWithImage(root, "vfs");
  await engine.removeImage("x:1");
  const repositories = join(root, "image/vfs/repositories.json");
  writeFileSync(repositories, "{");
  const file = join(scratchDirectory(), "image.tar");
  writeFileSync(file, dockerArchive([image]));
  await expect(engine.load({ file })).rejects.toMatchObject({ code: "CORRUPT_STORE" });
  writeFileSync(repositories, '{"Repositories":{}}');
  expect(await engine.images()).toEqual([]);
  expect(scanStore(root, "vfs")).toEqual([]);
});
