import { execFileSync } from "node:child_process";
import { mkdirSync, readdirSync, readFileSync, realpathSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import type { Engine } from "../../src/engine/engine.ts";
import { overlay } from "../support/filesystems.ts";
import { dockerArchive, type TestImage } from "../support/image-builder.ts";
import { requires } from "../support/requires.ts";
import { scratchDirectory } from "../support/scratch.ts";
import { loadImages, testEngine } from "../support/stores.ts";
import { layerTar } from "../support/tar-builder.ts";

const bottom = layerTar([
  { name: "etc/a", data: "one" },
  { name: "etc/b", data: "gone" },
]);
const top = layerTar([{ name: "etc/a", data: "other" }, { name: "etc/.wh.b" }]);
const image: TestImage = { tags: ["first:1"], layers: [bottom, top] };
const sibling: TestImage = { tags: ["second:1"], layers: [bottom] };
const CONTAINER = "c0".repeat(32);

requires(overlay());

async function cacheIDs(engine: Engine): Promise<string[]> {
  return (await engine.explain("first:1")).layers.map(({ cacheID }) => cacheID ?? "");
}

describe.each(["overlay2", "vfs"] as const)("explain, on %s", (driver) => {
  it("leads from the name to directories that hold the layers' files", async () => {
    const engine = await testEngine(driver);
    await loadImages(engine, [image, sibling]);
    const { layers, problems } = await engine.explain("first:1");
    expect(problems).toEqual([]);
    expect(layers.map(({ sharedWith }) => sharedWith)).toEqual([["second:1"], []]);
    const contents = layers.map(({ directory }) => readFileSync(join(directory ?? "", "etc/a"), "utf8"));
    expect(contents).toEqual(["one", "other"]);
    for (const { link, directory } of layers) {
      expect(link === null).toBe(driver === "vfs");
      if (link !== null) expect(realpathSync(join(engine.root, driver, link))).toBe(realpathSync(directory ?? ""));
    }
  });

  it("names an image that shares a layer by its tags, and by its digest only where it has none", async () => {
    const engine = await testEngine(driver);
    const [first, second] = await loadImages(engine, [image, sibling]);
    const digest = `second@sha256:${"d".repeat(64)}`;
    for (const names of [["second:1", digest], [digest]]) {
      const all = {
        first: { "first:1": first?.id },
        second: Object.fromEntries(names.map((name) => [name, second?.id])),
      };
      writeFileSync(join(engine.root, "image", driver, "repositories.json"), JSON.stringify({ Repositories: all }));
      expect((await engine.explain("first:1")).layers[0]?.sharedWith).toEqual(names.slice(0, 1));
    }
  });

  it("tells which layer put, replaced and deleted a path, in the store as in the archive", async () => {
    const engine = await testEngine(driver);
    await loadImages(engine, [image]);
    const file = join(scratchDirectory(), "image.tar");
    writeFileSync(file, dockerArchive([image]));
    for (const name of ["first:1", `docker-archive:${file}`]) {
      const a = (await engine.explain(name, { path: "/etc/a" })).path;
      expect(a?.layer).toBe(1);
      expect(a?.steps.map(({ effect, node }) => [effect, node?.size])).toEqual([
        ["put", 3],
        ["replaced", 5],
      ]);
      const b = (await engine.explain(name, { path: "/etc/b" })).path;
      expect(b).toMatchObject({ layer: null, steps: [{ effect: "put" }, { effect: "deleted" }] });
      const never = engine.explain(name, { path: "/etc/never" });
      await expect(never).rejects.toMatchObject({ code: "NOT_FOUND" });
    }
  });

  it("knows a layer by its directory, and the images that stand on it", async () => {
    const engine = await testEngine(driver);
    await loadImages(engine, [image, sibling]);
    const [lowest = ""] = await cacheIDs(engine);
    const directory = (await engine.explain("first:1")).layers[0]?.directory ?? "";
    for (const name of [lowest, directory, join(directory, "etc/a")]) {
      const explained = await engine.explainDirectory(name);
      expect(explained).toMatchObject({ role: "layer", cacheID: lowest, directory });
      expect(explained?.images.map(({ names, index, count }) => [names[0], index, count]).sort()).toEqual([
        ["first:1", 0, 2],
        ["second:1", 0, 1],
      ]);
    }
    expect((await engine.explainDirectory(join(directory, "etc/a")))?.path).toBe("/etc/a");
  });

  it("tells a container's layers, and that nothing uses an orphan", async () => {
    const engine = await testEngine(driver);
    await loadImages(engine, [image]);
    const home = join(engine.root, driver === "vfs" ? "vfs/dir" : "overlay2");
    const ids = ["aa".repeat(32), `${"aa".repeat(32)}-init`, "bb".repeat(32)];
    for (const id of ids) mkdirSync(join(home, id, "diff"), { recursive: true });
    const { chainID } = (await engine.explain("first:1")).layers[1]!;
    const records = join(engine.root, "image", driver, "layerdb/mounts", CONTAINER);
    mkdirSync(records, { recursive: true });
    for (const [name, text] of [
      ["mount-id", ids[0]],
      ["init-id", ids[1]],
      ["parent", chainID],
    ]) {
      writeFileSync(join(records, name ?? ""), text ?? "");
    }
    const config = join(engine.root, "containers", CONTAINER, "config.v2.json");
    mkdirSync(join(config, ".."), { recursive: true });
    writeFileSync(config, '{"Name":"/web"}');
    const found = await Promise.all(ids.map((id) => engine.explainDirectory(id)));
    expect(found.map((each) => each?.role)).toEqual(["container", "container-init", "orphan"]);
    expect(found[0]?.containers).toEqual([{ id: CONTAINER, name: "web" }]);
    expect(found.map((each) => each?.images.map(({ names }) => names[0]))).toEqual([["first:1"], ["first:1"], []]);
    const [lowest = ""] = await cacheIDs(engine);
    expect((await engine.explainDirectory(lowest))?.containers).toEqual([{ id: CONTAINER, name: "web" }]);
  });

  it("takes an image's name and id for an image", async () => {
    const engine = await testEngine(driver);
    const [loaded] = await loadImages(engine, [image]);
    expect(await engine.explainDirectory("first:1")).toBeNull();
    expect(await engine.explainDirectory(loaded?.id.slice("sha256:".length) ?? "")).toBeNull();
    expect(await engine.explainDirectory("docker-archive:/x")).toBeNull();
  });

  it.each(["/etc/passwd", "./x", "ab".repeat(32)])("finds no layer at %s", async (path) => {
    const engine = await testEngine(driver);
    await loadImages(engine, [image]);
    await expect(engine.explainDirectory(path)).rejects.toMatchObject({ code: "NOT_FOUND" });
  });

  it("names a layer's directory that is missing, and goes on", async () => {
    const engine = await testEngine(driver);
    await loadImages(engine, [image]);
    const { layers } = await engine.explain("first:1");
    const [lowest = ""] = await cacheIDs(engine);
    rmSync(layers[0]?.directory ?? "", { recursive: true });
    const after = await engine.explain("first:1");
    expect(after.layers.map(({ directory }) => directory === null)).toEqual([true, false]);
    expect(after.problems.join()).toContain(lowest);
  });
});

describe("explain's mount command", () => {
  it.each([
    ["overlay2", 1],
    ["overlay2", 2],
    ["overlay2", 60],
    ["vfs", 2],
  ] as const)("shows the tree when it is pasted into a shell: %s, layers: %i", async (driver, count) => {
    const engine = await testEngine(driver);
    const layers = Array.from({ length: count }, (_, index) => layerTar([{ name: `f${index}` }]));
    await loadImages(engine, [{ tags: ["first:1"], layers }]);
    const { mountCommand, shortMountCommand } = await engine.explain("first:1");
    for (const command of [mountCommand, shortMountCommand]) {
      if (command === null) continue;
      const target = scratchDirectory();
      execFileSync("sh", ["-c", command.replace("TARGET", target)]);
      expect(readdirSync(target)).toHaveLength(count);
      expect(() => writeFileSync(join(target, "new"), "")).toThrow(/EROFS/);
      execFileSync("umount", [target]);
    }
    expect(mountCommand).not.toBeNull();
  });
});

describe("explain, of an archive", () => {
  it("asks which image is meant where there are several", async () => {
    const engine = await testEngine("vfs");
    const file = join(scratchDirectory(), "images.tar");
    writeFileSync(file, dockerArchive([image, sibling]));
    await expect(engine.explain(`docker-archive:${file}`)).rejects.toMatchObject({
      code: "AMBIGUOUS",
      hint: expect.stringContaining(":second:1"),
    });
  });

  it("verifies the layers that it reads", async () => {
    const engine = await testEngine("vfs");
    const file = join(scratchDirectory(), "image.tar");
    const damaged = (layer: Buffer): Buffer => Buffer.concat([layer, Buffer.alloc(512)]);
    writeFileSync(file, dockerArchive([{ ...image, stored: damaged }]));
    await expect(engine.explain(`docker-archive:${file}`, { path: "/etc/a" })).rejects.toMatchObject({
      code: "DIGEST_MISMATCH",
    });
  });
});
