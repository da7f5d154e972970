import { createReadStream, writeFileSync } from "node:fs";
import { join } from "node:path";
import { gzipSync, zstdCompressSync } from "node:zlib";
import { describe, expect, it } from "vitest";
import type { ProgressEvent } from "../../src/engine/engine.ts";
import { overlay } from "../support/filesystems.ts";
import { buildConfig, dockerArchive, type TestImage } from "../support/image-builder.ts";
import { requires } from "../support/requires.ts";
import { scanStore } from "../support/scan-store.ts";
import { scratchDirectory } from "../support/scratch.ts";
import { loadImages, testEngine } from "../support/stores.ts";
import { layerTar } from "../support/tar-builder.ts";

const bottom = layerTar([{ name: "a", data: "one" }]);
const middle = layerTar([{ name: "b", data: "two" }]);
const image: TestImage = { tags: ["first:1"], layers: [bottom, middle] };
const sibling: TestImage = { tags: ["second:1"], layers: [bottom, middle, layerTar([{ name: "c", data: "three" }])] };

requires(overlay());

describe.each(["overlay2", "vfs"] as const)("load, on %s", (driver) => {
  it("gives the image the digest of its config as id", async () => {
    const engine = await testEngine(driver);
    expect(await loadImages(engine, [image])).toEqual([{ id: buildConfig(image).id, names: ["first:1"], renamed: [] }]);
    expect(scanStore(engine.root, driver)).toEqual([]);
  });

  it("unpacks a layer that images share once, also within one archive", async () => {
    const engine = await testEngine(driver);
    await loadImages(engine, [image, sibling]);
    expect((await engine.info()).layers).toBe(3);
    expect((await engine.explain("second:1")).layers.map(({ sharedWith }) => sharedWith)).toEqual([
      ["first:1"],
      ["first:1"],
      [],
    ]);
    expect(scanStore(engine.root, driver)).toEqual([]);
  });

  it("tells which layers are there already", async () => {
    const engine = await testEngine(driver);
    await loadImages(engine, [image]);
    const file = join(scratchDirectory(), "second.tar");
    writeFileSync(file, dockerArchive([sibling]));
    const events: ProgressEvent["type"][] = [];
    await engine.load({ file }, { onProgress: ({ type }) => events.push(type) });
    expect(events).toEqual(["layer-exists", "layer-exists", "layer-start", "layer-done"]);
  });

  it("moves a name to the new image and tells so", async () => {
    const engine = await testEngine(driver);
    const [before] = await loadImages(engine, [image]);
    const [after] = await loadImages(engine, [{ ...sibling, tags: ["first:1"] }]);
    expect(after?.renamed).toEqual([{ name: "first:1", from: before?.id }]);
    const listed = await engine.images();
    expect(listed.map(({ repository, tag, id }) => [repository, tag, id]).sort()).toEqual(
      [
        ["first", "1", after?.id],
        [null, null, before?.id],
      ].sort(),
    );
  });

  it("knows an image without a name by its id", async () => {
    const engine = await testEngine(driver);
    const [loaded] = await loadImages(engine, [{ ...image, tags: [] }]);
    expect(loaded?.names).toEqual([]);
    expect((await engine.explain(loaded?.id ?? "")).names).toEqual([]);
  });

  it("loads an image without layers", async () => {
    const engine = await testEngine(driver);
    await loadImages(engine, [{ tags: ["empty:1"], layers: [] }]);
    expect((await engine.images())[0]?.size).toBe(0);
    expect(await engine.list("empty:1", "/")).toEqual([]);
  });

  it.each([
    ["gzip", gzipSync],
    ["zstd", zstdCompressSync],
  ] as const)("reads layers and archives that are compressed with %s, from a stream too", async (_, compress) => {
    const engine = await testEngine(driver);
    const file = join(scratchDirectory(), "compressed");
    writeFileSync(
      file,
      compress(
        dockerArchive([{ ...image, stored: (layer) => compress(layer), layerPath: (index) => `${index}/layer.tar` }]),
      ),
    );
    const [loaded] = await engine.load({ stream: createReadStream(file) });
    expect(loaded?.id).toBe(buildConfig(image).id);
    expect(scanStore(engine.root, driver)).toEqual([]);
  });

  it("is repeated without effect", async () => {
    const engine = await testEngine(driver);
    const first = await loadImages(engine, [image]);
    expect(await loadImages(engine, [image])).toEqual(first);
    expect(scanStore(engine.root, driver)).toEqual([]);
  });

  it("stops when it is cancelled, and leaves nothing", async () => {
    const engine = await testEngine(driver);
    const file = join(scratchDirectory(), "image.tar");
    writeFileSync(file, dockerArchive([image]));
    const controller = new AbortController();
    const loading = engine.load({ file }, { signal: controller.signal, onProgress: () => controller.abort() });
    await expect(loading).rejects.toMatchObject({ code: "CANCELLED" });
    expect(scanStore(engine.root, driver)).toEqual([]);
  });
});
