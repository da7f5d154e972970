import { mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { keepOutDockerd } from "../../src/engine/dockerd.ts";
import type { Engine } from "../../src/engine/engine.ts";
import { BASE, EDGE_CASES, type EdgeCase } from "../corpus/edge-layers.ts";
import { describeTree } from "../support/describe-tree.ts";
import {
  type Dockerd,
  dockerd,
  exportedTree,
  savedLayers,
  startDockerd,
  whileRunning,
  withoutMountPoints,
} from "../support/dockerd.ts";
import { makeFileSystem, overlay, type TestFileSystem } from "../support/filesystems.ts";
import { buildConfig, dockerArchive, type TestImage } from "../support/image-builder.ts";
import { requires } from "../support/requires.ts";
import { scratchDirectory } from "../support/scratch.ts";
import { lines, snapshot } from "../support/snapshot.ts";
import { withEngine } from "../support/stores.ts";
import { layerTar } from "../support/tar-builder.ts";
import { checkout } from "../support/tree.ts";

const SAMPLE = join(checkout, "sample/layerfs-sample.tar");
const sample = "layerfs/sample:1";
const shared = layerTar([{ name: "shared", data: "by two" }]);
const one: TestImage = { tags: ["one:1"], layers: [shared, layerTar([{ name: "one", data: "1" }])] };
const two: TestImage = { tags: ["two:1"], layers: [shared, layerTar([{ name: ".wh.shared" }, { name: "two" }])] };
const TREES = { one: { shared: 'file "by two"', one: 'file "1"' }, two: { two: 'file ""' } };

const missing = requires(overlay(), dockerd());

/** In memory, where a sync waits for nobody's disk. */
let place: TestFileSystem | undefined;
beforeAll(() => {
  if (missing === null) place = makeFileSystem("tmpfs");
});
afterAll(() => place?.[Symbol.dispose]());

describe.each(["overlay2", "vfs"] as const)("a root that layerfs wrote, with %s", (driver) => {
  it("is used by dockerd, and what dockerd changes is seen by layerfs", async () => {
    const root = newRoot();
    const sampleTree = await treeOfSample();
    const layers = await withEngine(root, driver, async (engine) => {
      await engine.load({ file: SAMPLE });
      await engine.load({ file: archive(one) });
      return diffIDs(engine, sample);
    });
    await whileRunning(await startDockerd(root, driver), async (daemon) => {
      expect(listed(daemon)).toEqual([sample, "one:1"].sort());
      expect(daemon.docker("history", "-q", sample)).toContain("<missing>");
      expect(daemon.docker("history", "--no-trunc", sample)).toContain("the npm package mustache");
      expect(JSON.parse(daemon.docker("inspect", "-f", "{{json .RootFS.Layers}}", sample))).toEqual(layers);
      expect(savedLayers(daemon, sample)).toEqual({ [sample]: layers });
      daemon.docker("create", "--name", "container", "--network", "none", sample, "/usr/bin/hello");
      expect(withoutMountPoints(describeTree(exportedTree(daemon, "container")))).toEqual(
        withoutMountPoints(sampleTree),
      );
      expect(daemon.docker("start", "-a", "container")).toMatch(/hello/i);
      daemon.docker("tag", sample, "renamed:2");
      expect(daemon.docker("load", "-i", archive(two))).toContain("two:1");
      expect(daemon.docker("rmi", "one:1")).toMatch(/Deleted: sha256/);
    });
    await withEngine(root, driver, async (engine) => {
      expect(names(await engine.images())).toEqual([sample, "renamed:2", "two:1"].sort());
      expect(await mountedTree(engine, "renamed:2")).toEqual(sampleTree);
      expect(await mountedTree(engine, "two:1")).toEqual(TREES.two);
      await engine.removeImage("renamed:2");
      await engine.removeImage(sample, { force: true });
      await engine.load({ file: archive(one) });
    });
    await whileRunning(await startDockerd(root, driver), async (daemon) => {
      expect(listed(daemon)).toEqual(["one:1", "two:1"]);
      expect(daemon.docker("start", "-a", "container")).toMatch(/hello/i);
      expect(savedLayers(daemon, "one:1")).toEqual({ "one:1": diffIDsOf(one) });
    });
  });
});

describe.each(["overlay2", "vfs"] as const)("a root that dockerd wrote, with %s", (driver) => {
  it("is read by layerfs while dockerd runs, changed afterwards, and used by dockerd again", async () => {
    const root = newRoot();
    const sampleTree = await treeOfSample();
    let layers: string[] = [];
    await whileRunning(await startDockerd(root, driver), async (daemon) => {
      for (const file of [SAMPLE, archive(one)]) daemon.docker("load", "-i", file);
      daemon.docker("create", "--name", "container", "--network", "none", sample, "/usr/bin/hello");
      expect(daemon.docker("start", "-a", "container")).toMatch(/hello/i);
      daemon.docker("cp", SAMPLE, "container:/home/added");
      daemon.docker("commit", "container", "committed:1");
      daemon.docker("tag", "one:1", "localhost:5000/other:2");
      const all = ["committed:1", sample, "localhost:5000/other:2", "one:1"].sort();
      expect(listed(daemon)).toEqual(all);
      await withEngine(root, undefined, async (engine) => {
        expect(names(await engine.images())).toEqual(all);
        expect((await engine.info()).readOnly).toBe(true);
        await readsAll(engine);
        const before = lines(snapshot(root));
        expect(await mountedTree(engine, sample)).toEqual(sampleTree);
        expect(await unpackedTree(engine, sample)).toEqual(sampleTree);
        await expectRefusals(engine);
        expect(lines(snapshot(root))).toEqual(before);
      });
    });
    await withEngine(root, undefined, async (engine) => {
      await readsAll(engine);
      layers = await diffIDs(engine, sample);
      expect(await mountedTree(engine, sample)).toEqual(sampleTree);
      expect(await mountedTree(engine, "committed:1")).toHaveProperty(["home/added"]);
      expect(await unpackedTree(engine, sample)).toEqual(sampleTree);
      await engine.load({ file: archive(two) });
      await engine.removeImage("one:1");
      await engine.removeImage("localhost:5000/other:2");
      expect(await mountedTree(engine, "two:1")).toEqual(TREES.two);
    });
    await whileRunning(await startDockerd(root, driver), async (daemon) => {
      expect(listed(daemon)).toEqual(["committed:1", sample, "two:1"].sort());
      expect(savedLayers(daemon, "two:1", sample)).toEqual({ "two:1": diffIDsOf(two), [sample]: layers });
      expect(daemon.docker("start", "-a", "container")).toMatch(/hello/i);
      expect(daemon.docker("run", "--rm", "--network", "none", "committed:1")).toMatch(/hello/i);
    });
  });
});

describe("a data root", () => {
  it("gives back a mount that was made before dockerd started, but keeps a writable one", async () => {
    const root = newRoot();
    const [readOnly, readWrite] = [scratchDirectory(), scratchDirectory()];
    await withEngine(root, "overlay2", async (engine) => {
      await engine.load({ file: archive(one) });
      await engine.mount({ image: "one:1", target: readOnly });
      await engine.mount({ image: "one:1", target: readWrite, readWrite: true });
    });
    await whileRunning(await startDockerd(root, "overlay2"), () =>
      withEngine(root, "overlay2", async (engine) => {
        await engine.unmount({ target: readOnly });
        expect(await mountStates(engine)).toEqual([false, true]);
        await expect(engine.unmount({ target: readWrite, discard: true })).rejects.toMatchObject({
          code: "ROOT_IN_USE",
        });
      }),
    );
    await withEngine(root, "overlay2", async (engine) => {
      await engine.unmount({ target: readWrite, discard: true });
      expect(await mountStates(engine)).toEqual([]);
    });
  });

  it("is for dockerd or for commands that change it, never for both", async () => {
    const root = newRoot();
    await withEngine(root, "overlay2", async (engine) => {
      await engine.load({ file: archive(one) });
      await expect(startDockerd(root, "overlay2")).rejects.toThrow(/volume store metadata database: timeout/);
    });
    const lock = keepOutDockerd(root);
    await expect(startDockerd(root, "overlay2")).rejects.toThrow(/timeout/);
    lock?.release();
    await whileRunning(await startDockerd(root, "overlay2"), async (daemon) =>
      expect(listed(daemon)).toEqual(["one:1"]),
    );
  });
});

describe.each(["overlay2", "vfs"] as const)("odd layers that layerfs loaded, with %s", (driver) => {
  const edges = EDGE_CASES.filter(({ expected, layers }) => "tree" in expected && layers.length < 100);

  it("look to dockerd as to layerfs, and are saved byte for byte", { timeout: 120_000 }, async () => {
    const root = newRoot();
    await withEngine(root, driver, (engine) => engine.load({ file: archive(...edges.map(edgeImage)) }));
    await whileRunning(await startDockerd(root, driver), async (daemon) => {
      const wanted = Object.fromEntries(edges.map((edge) => [`${edge.name}:1`, diffIDsOf(edgeImage(edge))]));
      expect(savedLayers(daemon, ...Object.keys(wanted))).toEqual(wanted);
      for (const edge of edges.filter(({ name }) => SHOWN_BY_DOCKERD.includes(name))) {
        daemon.docker("create", "--name", edge.name, `${edge.name}:1`, "/none");
        expect(withoutMountPoints(describeTree(exportedTree(daemon, edge.name))), edge.name).toEqual(treeOf(edge));
      }
    });
  });
});

/** Those that dockerd itself would show otherwise, or refuse. */
const SHOWN_BY_DOCKERD = [
  "sparse-gnu",
  "sparse-pax",
  "opq-root",
  "wh-under-nothing",
  "wh-with-data",
  "aufs-plnk",
  "hardlink-to-lower",
  "dotdot-escape",
  "symlink-escape",
  "xattr-overlay-opaque",
];

function newRoot(): string {
  return join(mkdtempSync(join(place?.directory ?? "", "test-")), "root");
}

/** The tree as full copies show it. */
function treeOfSample(): Promise<Record<string, string>> {
  return withEngine(scratchDirectory(), "vfs", async (engine) => {
    await engine.load({ file: SAMPLE });
    return await mountedTree(engine, sample);
  });
}

function edgeImage(edge: EdgeCase): TestImage {
  return { tags: [`${edge.name}:1`], layers: [BASE, ...edge.layers] };
}

function treeOf({ expected }: EdgeCase): Readonly<Record<string, string>> {
  return "tree" in expected ? expected.tree : {};
}

async function mountStates(engine: Engine): Promise<boolean[]> {
  return (await engine.mounts()).map(({ mounted }) => mounted);
}

async function readsAll(engine: Engine): Promise<void> {
  expect((await engine.explain("committed:1")).layers).toHaveLength(4);
  const motd = (await engine.list(sample, "/etc")).find(({ name }) => name.toString() === "motd");
  expect(motd).toMatchObject({ size: 60, layer: 2 });
  const added: Buffer[] = [];
  for await (const chunk of await engine.readFile("committed:1", "/home/added")) added.push(chunk);
  expect(Buffer.concat(added).equals(readFileSync(SAMPLE))).toBe(true);
}

async function expectRefusals(engine: Engine): Promise<void> {
  const refused = expect.objectContaining({ code: "ROOT_IN_USE", hint: expect.stringContaining("stop that dockerd") });
  await expect(engine.load({ file: SAMPLE })).rejects.toEqual(refused);
  await expect(engine.removeImage("one:1")).rejects.toEqual(refused);
  await expect(engine.mount({ image: "one:1", target: scratchDirectory(), readWrite: true })).rejects.toEqual(refused);
  await expect(engine.mount({ image: "one:1" })).rejects.toMatchObject({
    code: "READ_ONLY",
    hint: "name one: layerfs mount one:1 DIR",
  });
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

async function unpackedTree(engine: Engine, image: string): Promise<Record<string, string>> {
  const directory = scratchDirectory();
  await engine.unpack(image, directory);
  return describeTree(directory);
}

function archive(...images: readonly TestImage[]): string {
  const file = join(scratchDirectory(), "images.tar");
  writeFileSync(file, dockerArchive(images));
  return file;
}

function listed({ docker }: Dockerd): string[] {
  return docker("images", "--format", "{{.Repository}}:{{.Tag}}").split("\n").sort();
}

function names(images: Awaited<ReturnType<Engine["images"]>>): string[] {
  return images.map(({ repository, tag }) => `${repository}:${tag}`).sort();
}

async function diffIDs(engine: Engine, image: string): Promise<string[]> {
  return (await engine.explain(image)).layers.map(({ diffID }) => diffID);
}

function diffIDsOf(image: TestImage): string[] {
  return [...buildConfig(image).diffIDs];
}
