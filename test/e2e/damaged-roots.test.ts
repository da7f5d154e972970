import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { renderCheck } from "../../src/cli/render/check.ts";
import type { Engine } from "../../src/engine/engine.ts";
import type { Explanation } from "../../src/engine/explain/explanation.ts";
import { openEngine } from "../../src/engine/open-engine.ts";
import { DAMAGES, type Damage, type Says, type Site } from "../corpus/damages.ts";
import { describeTree } from "../support/describe-tree.ts";
import { dockerd, exportedTree, savedLayers, startDockerd, withoutMountPoints } from "../support/dockerd.ts";
import { makeFileSystem, overlay, type TestFileSystem } from "../support/filesystems.ts";
import { buildConfig, dockerArchive, type TestImage } from "../support/image-builder.ts";
import { requires } from "../support/requires.ts";
import { scratchDirectory } from "../support/scratch.ts";
import { lines, snapshot } from "../support/snapshot.ts";
import { layerTar } from "../support/tar-builder.ts";

const bottom = layerTar([{ name: "a", data: "one" }]);
const middle = layerTar([{ name: "b", data: "two" }]);
const shorter = layerTar([{ name: "e" }]);
const three: TestImage = { tags: ["three:1"], layers: [bottom, middle, layerTar([{ name: "c", data: "three" }])] };
const other: TestImage = { tags: ["other:1"], layers: [bottom, layerTar([{ name: "d", data: "four" }])] };
const TREES = {
  three: { a: 'file "one"', b: 'file "two"', c: 'file "three"' },
  other: { a: 'file "one"', d: 'file "four"' },
};

const missing = requires(overlay());
let place: TestFileSystem | undefined;
beforeAll(() => {
  if (missing === null) place = makeFileSystem("tmpfs");
});
afterAll(() => place?.[Symbol.dispose]());

describe.each([
  ["layerfs", "overlay2"],
  ["layerfs", "vfs"],
  ["dockerd", "overlay2"],
] as const)("a root that %s made with %s and that was damaged", (maker, driver) => {
  const absent = maker === "dockerd" ? requires(dockerd()) : null;
  let template = "";
  beforeAll(async () => {
    if (missing === null && absent === null) template = await makeRoot(maker, driver);
  });
  const all = maker === "layerfs" && driver === "overlay2";
  const rows = DAMAGES.filter(({ widely }) => all || widely);

  it.each(rows.map((damage) => [damage.what, damage] as const))("%s", async (_, damage) => {
    const site = await copyRoot(template, driver);
    damage.act(site);
    await using engine = await openEngine({ root: site.root, cacheDirectory: null });
    await expectReading(engine, site, damage);
    await expectOthersKept(engine, site, damage);
    await expectRepair(engine, damage);
  });
});

describe("a damaged root", () => {
  it("keeps all layers of a removed image where a container may stand on them", async () => {
    const site = await copyRoot(await makeRoot("layerfs", "overlay2"), "overlay2");
    mkdirSync(site.db("layerdb/mounts/container"), { recursive: true });
    writeFileSync(site.db("layerdb/mounts/container/parent"), site.explanation.layers[2]?.chainID ?? "");
    rmSync(site.record(1, "parent"));
    await using engine = await openEngine({ root: site.root });
    expect((await engine.removeImage("three:1")).steps).toHaveLength(2);
    expect([0, 1, 2].filter((index) => !existsSync(site.files(index)) || !existsSync(site.record(index)))).toEqual([]);
  });

  it("keeps the files that a layer of another image stands on, when a record is replaced", async () => {
    const root = join(mkdtempSync(join(place?.directory ?? "", "shared-")), "root");
    await using engine = await openEngine({ root, driver: "overlay2" });
    await engine.load({ file: archive(three, { ...three, tags: ["five:1"], layers: [bottom, middle, shorter] }) });
    const [, layer] = (await engine.explain("three:1")).layers;
    const record = join(root, "image/overlay2/layerdb/sha256", layer?.chainID.slice("sha256:".length) ?? "");
    rmSync(join(record, "size"));
    await engine.load({ file: archive(three) });
    expect((await engine.explain("three:1")).layers[1]?.cacheID).not.toBe(layer?.cacheID);
    expect(await mountedTree(engine, "three:1")).toEqual(TREES.three);
    expect(await mountedTree(engine, "five:1")).toEqual({ a: 'file "one"', b: 'file "two"', e: 'file ""' });
  });

  it("that was repaired is a good one for dockerd", async (context) => {
    const absent = dockerd();
    if (absent !== null) context.skip(absent);
    const site = await copyRoot(await makeRoot("layerfs", "overlay2"), "overlay2");
    rmSync(site.layer(1), { recursive: true });
    writeFileSync(site.record(0, "size"), "3\n");
    await openEngine({ root: site.root }).then(async (engine) => {
      await engine.load({ file: archive(three, other) });
      await engine[Symbol.asyncDispose]();
    });
    await using daemon = await startDockerd(site.root, "overlay2");
    const wanted = { "three:1": buildConfig(three).diffIDs, "other:1": buildConfig(other).diffIDs };
    expect(savedLayers(daemon, "three:1", "other:1")).toEqual(wanted);
    daemon.docker("create", "--name", "container", "three:1", "/none");
    expect(withoutMountPoints(describeTree(exportedTree(daemon, "container")))).toEqual(TREES.three);
  });
});

/** Every command that reads says what is expected, and leaves each byte as it was. */
async function expectReading(engine: Engine, site: Site, damage: Damage): Promise<void> {
  const before = lines(snapshot(site.root));
  const { id } = site.explanation;
  const found = (await engine.images()).filter((image) => image.id === id);
  expect(found.map(({ repository }) => repository)).toEqual(
    { "by name": ["three"], "without a name": [null], "not at all": [] }[damage.listed],
  );
  expect((await engine.info()).images).toBe(2);
  expect(await engine.mounts()).toEqual([]);
  const name = damage.listed === "without a name" ? id : "three:1";
  expect(await outcome(explainWhole(engine, name))).toEqual(expected(damage, "explain"));
  expect(await outcome(engine.list(name, "/"))).toEqual(expected(damage, "list"));
  expect(await outcome(readAll(engine, name, "/b"))).toEqual(expected(damage, "readFile"));
  await expectCheck(engine, damage);
  expect(lines(snapshot(site.root))).toEqual(before);
  expect(await outcome(unpackWhole(engine, name))).toEqual(expected(damage, "unpack"));
  expect(await outcome(mountedTree(engine, name))).toEqual(expected(damage, "mount"));
}

/** What is damaged is named, and nothing else is. */
async function expectCheck(engine: Engine, { checked, unreferenced }: Damage): Promise<void> {
  const result = await engine.check([]);
  const said = renderCheck(result);
  const damages = result.findings.filter(({ kind }) => kind === "damage");
  if (checked === null) expect(damages).toEqual([]);
  else expect(said).toMatch(new RegExp(`^damage: ${checked.source}`, "m"));
  if (unreferenced !== undefined) expect(said).toMatch(unreferenced);
}

/** Removing the other image takes nothing of this one. */
async function expectOthersKept(engine: Engine, site: Site, damage: Damage): Promise<void> {
  const kept = [0, 1, 2].flatMap((index) => [site.record(index), site.layer(index)]).filter((path) => existsSync(path));
  const target = (await engine.images()).find(
    ({ id, repository }) => id !== site.explanation.id && repository !== "three",
  );
  const removed = await outcome(engine.removeImage(target?.id ?? ""));
  expect(removed).toEqual(
    damage.what.startsWith("image config") ? expect.stringMatching(/its config has the digest/) : "done",
  );
  expect(kept.filter((path) => !existsSync(path))).toEqual([]);
}

async function expectRepair(engine: Engine, damage: Damage): Promise<void> {
  await engine.load({ file: archive(three, other) });
  if (!damage.repaired) await engine.removeImage("three:1").then(() => engine.load({ file: archive(three) }));
  expect((await engine.images()).map(({ repository }) => repository).sort()).toEqual(["other", "three"]);
  expect(await mountedTree(engine, "other:1")).toEqual(TREES.other);
  expect(await mountedTree(engine, "three:1")).toEqual(TREES.three);
  const directory = scratchDirectory();
  await engine.unpack("three:1", directory);
  expect(describeTree(directory)).toEqual(TREES.three);
}

function expected(damage: Damage, command: keyof Says): unknown {
  const error = damage.says?.[command];
  return error === undefined ? "done" : expect.stringMatching(error);
}

async function outcome(work: Promise<unknown>): Promise<string> {
  try {
    await work;
    return "done";
  } catch (error) {
    return (error as Error).message;
  }
}

/** An explanation goes on where something is missing, and says so. */
async function explainWhole(engine: Engine, image: string): Promise<void> {
  const { problems } = await engine.explain(image);
  if (problems.length > 0) throw new Error(problems.join("\n"));
}

/** So does unpacking, where all content is right. */
async function unpackWhole(engine: Engine, image: string): Promise<void> {
  const { warnings } = await engine.unpack(image, scratchDirectory());
  if (warnings.length > 0) throw new Error(warnings.map(({ what, example }) => `${what}: ${example}`).join("\n"));
}

async function readAll(engine: Engine, image: string, path: string): Promise<void> {
  for await (const _chunk of await engine.readFile(image, path));
}

async function mountedTree(engine: Engine, image: string): Promise<Record<string, string>> {
  const target = scratchDirectory();
  await engine.mount({ image, target });
  try {
    return describeTree(target);
  } finally {
    await engine.unmount({ target });
  }
}

async function makeRoot(maker: "layerfs" | "dockerd", driver: "overlay2" | "vfs"): Promise<string> {
  const directory = mkdtempSync(join(place?.directory ?? "", "made-"));
  const [root, file] = [join(directory, "root"), join(directory, "images.tar")];
  writeFileSync(file, dockerArchive([three, other]));
  if (maker === "dockerd") {
    await using daemon = await startDockerd(root, driver);
    daemon.docker("load", "-i", file);
  } else {
    await using engine = await openEngine({ root, driver });
    await engine.load({ file });
  }
  return root;
}

async function copyRoot(template: string, driver: Site["driver"]): Promise<Site> {
  const root = join(mkdtempSync(join(place?.directory ?? "", "copy-")), "root");
  expect(spawnSync("cp", ["-a", template, root]).status).toBe(0);
  await using engine = await openEngine({ root });
  const explanation = await engine.explain("three:1");
  const db = (...names: string[]): string => join(root, "image", driver, ...names);
  const layerOf = (index: number): Explanation["layers"][number] => {
    const layer = explanation.layers[index];
    if (layer === undefined) throw new Error(`there is no layer ${index}`);
    return layer;
  };
  const home = driver === "vfs" ? "vfs/dir" : "overlay2";
  return {
    root,
    driver,
    explanation,
    db,
    record: (index, ...names) => db("layerdb/sha256", layerOf(index).chainID.slice(7), ...names),
    layer: (index, ...names) => join(root, home, layerOf(index).cacheID ?? "", ...names),
    files: (index, ...names) => join(layerOf(index).directory ?? "", ...names),
  };
}

function archive(...images: readonly TestImage[]): string {
  const file = join(scratchDirectory(), "images.tar");
  writeFileSync(file, dockerArchive(images));
  return file;
}
