import { spawnSync } from "node:child_process";
import { createReadStream, mkdirSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";
import { chooseDriver } from "../../src/driver/choose.ts";
import { type Engine, openEngine } from "../../src/index.ts";
import { describeTree } from "../support/describe-tree.ts";
import { machineRoot } from "../support/filesystems.ts";
import { sha256 } from "../support/image-builder.ts";
import { program, requires } from "../support/requires.ts";
import { scanStore } from "../support/scan-store.ts";
import { scratchDirectory } from "../support/scratch.ts";
import { fixtureNames, fixturePath, needsFixtures } from "./fixtures.ts";

needsFixtures();
requires(machineRoot(), program("tar"));

/** OCI layouts in a tar, which `oci-layouts.test.ts` checks. */
const OCI_ARCHIVES: ReadonlySet<string> = new Set([
  "dive-test-oci-gzip-image.tar",
  "dive-test-oci-uncompressed-image.tar",
  "snyk-busybox-1.31.1.tar",
  "stereoscope-valid-oci.tar",
]);

/** Why an archive is refused; all others load. */
const REFUSED: ReadonlyMap<string, string> = new Map([
  ["dive-test-gzip-image.tar", "no image: it holds a README.md only"],
  ["dive-test-uncompressed-image.tar", "no image: it holds a README.md only"],
  ["ggcr-no_manifest.tar", "the form before Docker 1.10"],
  ["moby-emptyLayer.tar", "the form before Docker 1.10"],
  ["snyk-nginx-os-release-link.tar", "its makers cut out layers that its config promises"],
  ["snyk-oci-with-manifest.tar", "its makers cut out layers that its config promises"],
]);

const names = fixtureNames("images").filter((name) => !OCI_ARCHIVES.has(name));
const refused = names.filter((name) => REFUSED.has(name) || name === "(none)");
const loaded = names.filter((name) => !REFUSED.has(name));

describe("archives of other projects", () => {
  it.each(loaded)("loads %s: ids as in the archive, and one tree by unpack and by ls", async (name) => {
    const engine = await openScratchEngine();
    const images = await engine.load({ file: fixturePath("images", name) });
    const configs = archiveConfigs(fixturePath("images", name));
    expect(images.map(({ id }) => id)).toEqual(configs.map((config) => `sha256:${sha256(config)}`));
    for (const [index, { id }] of images.entries()) {
      const { layers } = await engine.explain(id);
      const { diff_ids } = JSON.parse((configs[index] ?? Buffer.alloc(0)).toString()).rootfs;
      expect(layers.map(({ diffID }) => diffID)).toEqual(diff_ids);
      const directory = join(scratchDirectory(), "tree");
      await engine.unpack(id, directory);
      const tree = Object.keys(describeTree(directory)).sort();
      expect(tree.length).toBeGreaterThan(0);
      const listed = await engine.list(id, "/", { recursive: true });
      expect(listed.map(({ path }) => path.toString().slice(1)).sort()).toEqual(tree);
    }
    await expectWhole(engine);
  });

  it.each(refused)("refuses %s, and nothing of it stays", async (name) => {
    const engine = await openScratchEngine();
    await expect(engine.load({ file: fixturePath("images", name) })).rejects.toMatchObject({ code: "INVALID_ARCHIVE" });
    expect(await engine.images()).toEqual([]);
    await expectWhole(engine);
  });

  it("shows of ggcr-whiteout_image.tar no foo.txt, which its last layer deletes", async () => {
    const engine = await openScratchEngine();
    const [image] = await engine.load({ file: fixturePath("images", "ggcr-whiteout_image.tar") });
    const directory = join(scratchDirectory(), "tree");
    await engine.unpack(image?.id ?? "", directory);
    expect(describeTree(directory)).not.toHaveProperty("foo.txt");
    expect(readdirSync(directory)).not.toEqual([]);
  });
});

describe("layers of other projects", () => {
  it("gives one diffID for dive's layer, stored with gzip or not", async () => {
    const diffIDs = await Promise.all(
      ["gzip", "uncompressed"].map(async (form) => {
        const archive = fixturePath("images", `dive-test-oci-${form}-image.tar`);
        const manifest = JSON.parse(blobOf(archive, JSON.parse(member(archive, "index.json").toString()).manifests[0]));
        const layer = [Buffer.from(blobOf(archive, manifest.layers[0]), "latin1")];
        return (await applied(layer)).diffID;
      }),
    );
    expect(diffIDs[0]).toBe(diffIDs[1]);
  });

  it.each(["la-croix1", "la-croix2"])("unpacks cdiff-%s.tar to the tree beside it", async (name) => {
    const { directory } = await applied(layerNamed(name));
    expect(describeTree(directory)).toEqual(describeTree(fixturePath("layers", `cdiff-${name}-actual`)));
  });

  it("applies cdiff-la-croix-wh.tar: it deletes a file and a directory, and adds another", async () => {
    const { directory } = await applied(layerNamed("la-croix2"), layerNamed("la-croix-wh"));
    expect(Object.keys(describeTree(directory))).toEqual([
      "nest2",
      "nest2/hello",
      "passionfruit.txt",
      "peach-pear.txt",
    ]);
  });

  it("applies cdiff-la-croix-update.tar: it replaces a file", async () => {
    const { directory } = await applied(layerNamed("la-croix1"), layerNamed("la-croix-update"));
    const content = member(fixturePath("layers", "cdiff-la-croix-update.tar"), "lime.txt");
    expect(readFileSync(join(directory, "lime.txt"))).toEqual(content);
    expect(readdirSync(directory).sort()).toEqual(["lime.txt", "passionfruit.txt", "peach-pear.txt"]);
  });
});

/** In a directory of its own; whatever else stands there in the end was written outside of the root. */
async function openScratchEngine(): Promise<Engine> {
  const place = scratchDirectory();
  const engine = await openEngine({ root: join(place, "root") });
  onTestFinished(async () => {
    await engine[Symbol.asyncDispose]();
    expect(readdirSync(place)).toEqual(["root"]);
  });
  return engine;
}

async function expectWhole({ root }: Engine): Promise<void> {
  const { driver } = await chooseDriver({ root, options: new Map(), readOnly: true });
  expect(scanStore(root, driver.name as "overlay2" | "vfs")).toEqual([]);
}

/** The configs of manifest.json, read by GNU tar. */
function archiveConfigs(archive: string): Buffer[] {
  const manifest: { Config: string }[] = JSON.parse(member(archive, "manifest.json").toString());
  return manifest.map(({ Config }) => member(archive, Config));
}

function member(archive: string, name: string): Buffer {
  const { status, stdout, stderr } = spawnSync("tar", ["--extract", "--to-stdout", "--file", archive, name]);
  if (status !== 0) throw new Error(`${archive}: ${stderr.toString()}`);
  return stdout;
}

/** A blob's bytes as latin1. */
function blobOf(archive: string, { digest }: { readonly digest: string }): string {
  return member(archive, `blobs/${digest.replace(":", "/")}`).toString("latin1");
}

function layerNamed(name: string): AsyncIterable<Uint8Array> {
  return createReadStream(fixturePath("layers", `cdiff-${name}.tar`));
}

async function applied(
  ...layers: readonly (AsyncIterable<Uint8Array> | readonly Buffer[])[]
): Promise<{ directory: string; diffID: string | undefined }> {
  const engine = await openScratchEngine();
  mkdirSync(engine.root);
  const directory = join(engine.root, "tree");
  mkdirSync(directory);
  let diffID: string | undefined;
  for (const layer of layers) ({ diffID } = await engine.apply(directory, asStream(layer)));
  return { directory, diffID };
}

async function* asStream(layer: AsyncIterable<Uint8Array> | readonly Buffer[]): AsyncGenerator<Uint8Array> {
  yield* layer;
}
