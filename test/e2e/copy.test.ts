import { spawnSync } from "node:child_process";
import { appendFileSync, existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { describe, expect, it } from "vitest";
import { buildConfig, dockerArchive, type TestImage } from "../support/image-builder.ts";
import { blobPath, named, OciLayout, type TestDescriptor } from "../support/oci-builder.ts";
import { registry, startRegistry } from "../support/registry/registry.ts";
import { program, requires, requiresHere } from "../support/requires.ts";
import { archivedImages, layoutImages } from "../support/saved-archive.ts";
import { expectedOf, filledEngine, IMAGES, NAMES, nameless, one, saved, two } from "../support/saved-images.ts";
import { scratchDirectory } from "../support/scratch.ts";
import { testEngine } from "../support/stores.ts";

const packed: TestImage = { ...two, stored: (layer) => gzipSync(layer) };
const OTHER = { platform: { os: "linux", architecture: "arm64" } };
const HOST = { platform: { os: "linux", architecture: "amd64" } };

/** One image under the tag `1`. */
function simpleLayout(): OciLayout {
  const layout = new OciLayout();
  return layout.entries(layout.image(packed, { descriptor: named("1") }));
}

/** Under the tag `1` an index of images for two platforms, in an index, and under `flat` that alone. */
function nestedLayout(): { layout: OciLayout; root: TestDescriptor; images: TestDescriptor[] } {
  const layout = new OciLayout();
  const arm = { ...one, config: { architecture: "arm64" }, stored: (layer: Buffer) => gzipSync(layer) };
  const images = [layout.image(packed, { descriptor: HOST }), layout.image(arm, { descriptor: OTHER })];
  const root = layout.index([layout.index(images)], named("1"));
  layout.entries(root, layout.index(images, named("flat")));
  return { layout, root, images };
}

function indexOf(directory: string): { digest: string; annotations?: object }[] {
  return JSON.parse(readFileSync(join(directory, "index.json"), "utf8")).manifests;
}

function blobsOf(directory: string): string[] {
  return readdirSync(join(directory, "blobs/sha256")).sort();
}

describe("copy between layouts", () => {
  it("keeps every blob and the manifest as they are, and needs no data root", async () => {
    const engine = await testEngine("vfs");
    const layout = simpleLayout().write();
    const place = scratchDirectory();
    const [copied] = await engine.copy(`oci:${layout}:1`, `oci:${place}/copy:new`);
    expect(copied?.digest).toBe(indexOf(layout)[0]?.digest);
    expect(indexOf(`${place}/copy`)).toMatchObject([{ digest: copied?.digest, annotations: named("new").annotations }]);
    expect(blobsOf(`${place}/copy`)).toEqual(blobsOf(layout));
    await engine.copy(`oci:${layout}:1`, `oci-archive:${place}/copy.tar:new`);
    await engine.copy(`oci-archive:${place}/copy.tar:new`, `oci:${place}/again`);
    expect(indexOf(`${place}/again`)).toEqual(indexOf(`${place}/copy`));
    expect(blobsOf(`${place}/again`)).toEqual(blobsOf(layout));
    expect(existsSync(engine.root)).toBe(false);
  });

  it("takes of an index the image for the platform, or with all everything that is in it", async () => {
    const engine = await testEngine("vfs");
    const { layout, root, images } = nestedLayout();
    const [source, place] = [layout.write(), scratchDirectory()];
    await engine.copy(`oci:${source}:1`, `oci:${place}/host:1`);
    await engine.copy(`oci:${source}:1`, `oci:${place}/arm:1`, { platform: "linux/arm64" });
    expect([indexOf(`${place}/host`), indexOf(`${place}/arm`)].map(([entry]) => entry?.digest)).toEqual(
      images.map(({ digest }) => digest),
    );
    await engine.copy(`oci:${source}:1`, `oci:${place}/all`, { all: true });
    expect(indexOf(`${place}/all`)).toEqual([root]);
    expect(blobsOf(`${place}/all`)).toEqual(blobsOf(source));
    expect(blobsOf(`${place}/host`).length).toBeLessThan(blobsOf(source).length);
  });

  it("does what skopeo does", async (context) => {
    requiresHere(context, program("skopeo"));
    const engine = await testEngine("vfs");
    const { layout } = nestedLayout();
    const [source, place] = [layout.write(), scratchDirectory()];
    for (const [name, words, options] of [
      ["one", [], {}],
      ["all", ["--all"], { all: true }],
    ] as const) {
      skopeo("copy", "-q", ...words, `oci:${source}:flat`, `oci:${place}/theirs-${name}:2`);
      await engine.copy(`oci:${source}:flat`, `oci:${place}/ours-${name}:2`, options);
      const digests = (who: string) => indexOf(`${place}/${who}-${name}`).map(({ digest }) => digest);
      expect(digests("ours")).toEqual(digests("theirs"));
      expect(blobsOf(`${place}/ours-${name}`)).toEqual(blobsOf(`${place}/theirs-${name}`));
    }
  });

  it("refuses a blob that was altered, names it, and shows nothing", async () => {
    const engine = await testEngine("vfs");
    const layout = new OciLayout();
    const image = layout.image(packed, { descriptor: named("1") });
    const layer: TestDescriptor = JSON.parse(layout.files.get(blobPath(image))?.toString() ?? "").layers[0];
    const source = layout.entries(image).write();
    const bytes = readFileSync(join(source, blobPath(layer)));
    bytes[20] = (bytes[20] ?? 0) ^ 1;
    writeFileSync(join(source, blobPath(layer)), bytes);
    const place = scratchDirectory();
    const told = { code: "DIGEST_MISMATCH", message: expect.stringContaining(`layer ${layer.digest}: its bytes`) };
    await expect(engine.copy(`oci:${source}:1`, `oci:${place}/copy:1`)).rejects.toMatchObject(told);
    await expect(engine.copy(`oci:${source}:1`, `oci-archive:${place}/copy.tar`)).rejects.toMatchObject(told);
    expect(existsSync(join(place, "copy/index.json"))).toBe(false);
    expect(existsSync(join(place, "copy", blobPath(layer)))).toBe(false);
    expect(readdirSync(place)).toEqual(["copy"]);
    appendFileSync(join(source, blobPath(layer)), "x");
    await expect(engine.copy(`oci:${source}:1`, `oci:${place}/copy:1`)).rejects.toMatchObject({
      code: "DIGEST_MISMATCH",
      message: expect.stringMatching(/expected \d+ bytes, found \d+/),
    });
  });
});

describe("copy into and out of archives in Docker's form", () => {
  it("makes what load and save would make", async () => {
    const engine = await filledEngine();
    const place = scratchDirectory();
    await engine.copy(`oci:${simpleLayout().write()}:1`, `docker-archive:${place}/copied.tar:two`);
    expect(readFileSync(`${place}/copied.tar`).equals(readFileSync(await saved(engine, ["two"])))).toBe(true);
    const all = await saved(engine, NAMES);
    await engine.copy(`docker-archive:${all}`, `docker-archive:${place}/again.tar`);
    expect(readFileSync(`${place}/again.tar`).equals(readFileSync(all))).toBe(true);
    writeFileSync(`${place}/old.tar`, dockerArchive(IMAGES));
    await engine.copy(`docker-archive:${place}/old.tar`, `oci:${place}/layout`, { compression: "zstd" });
    expect(layoutImages(`${place}/layout`).map(({ id }) => id)).toEqual(
      IMAGES.flatMap((image) => Array(Math.max(1, image.tags.length)).fill(buildConfig(image).id)),
    );
  });

  it("refuses what has no place there", async () => {
    const engine = await testEngine("vfs");
    const { layout } = nestedLayout();
    const [source, place] = [layout.write(), scratchDirectory()];
    const refused = [
      [`oci:${source}:1`, `docker-archive:${place}/a.tar`, { all: true }],
      [`oci:${source}:1`, `oci:${place}/b`, { all: true, platform: "linux/arm64" }],
      [`oci:${source}:1`, `oci:${place}/c`, { all: true, compression: "gzip" }],
      [`oci:${source}`, `oci:${place}/d:1`, { all: true }],
      [`oci:${source}:1`, "name:1", { all: true }],
      ["name:1", "name:2", {}],
    ] as const;
    for (const [from, to, options] of refused) {
      await expect(engine.copy(from, to, options)).rejects.toMatchObject({ code: "USAGE" });
    }
    for (const [from, to] of [
      [`oci:${source}:1`, `dir:${place}/d`],
      [`docker-root:${place}/root:x`, "name:1"],
    ] as const) {
      await expect(engine.copy(from, to)).rejects.toMatchObject({ code: "UNSUPPORTED" });
    }
    expect(readdirSync(place)).toEqual([]);
  });
});

describe("copy with the store", () => {
  it("brings an image in under another name, and out as save does", async () => {
    const engine = await testEngine("vfs");
    const place = scratchDirectory();
    const [copied] = await engine.copy(`oci:${simpleLayout().write()}:1`, "other/name");
    expect(copied).toEqual({ digest: buildConfig(two).id, names: ["other/name:latest"] });
    await engine.copy("other/name", `oci:${place}/layout:x`);
    expect(layoutImages(`${place}/layout`)).toEqual([expectedOf(two, ["x"])]);
    await engine.copy(buildConfig(two).id, `docker-archive:${place}/a.tar:n:1`);
    expect(archivedImages(`${place}/a.tar`)).toEqual([expectedOf(two, ["n:1"])]);
    await engine.copy(`docker-root:${engine.root}:other/name`, `docker-archive:${place}/b.tar:n:1`);
    expect(readFileSync(`${place}/b.tar`).equals(readFileSync(`${place}/a.tar`))).toBe(true);
  });
});

describe("copy with a registry", () => {
  requires(registry(), program("skopeo"));

  it("keeps digests on the way in, on the way out, and from one repository to another", async () => {
    await using server = await startRegistry();
    const engine = await testEngine("vfs");
    const { layout, root } = nestedLayout();
    const [source, place] = [layout.write(), scratchDirectory()];
    const name = `docker://${server.host}/lab/x`;
    const [there] = await engine.copy(`oci:${source}:1`, `${name}:all`, { all: true });
    expect(there?.digest).toBe(root.digest);
    expect(rawDigest(`${name}:all`)).toBe(root.digest);
    await engine.copy(`${name}:all`, `docker://${server.host}/lab/y:all`, { all: true });
    await engine.copy(`docker://${server.host}/lab/y:all`, `oci:${place}/back:1`, { all: true });
    expect(indexOf(`${place}/back`)).toEqual([root]);
    expect(blobsOf(`${place}/back`)).toEqual(blobsOf(source));
    const [single] = await engine.copy(`${name}:all`, `oci-archive:${place}/one.tar:1`, { platform: "linux/arm64" });
    expect(layoutImages(`${place}/one.tar`)).toHaveLength(1);
    expect(single?.digest).not.toBe(root.digest);
    expect(existsSync(engine.root)).toBe(false);
  });

  it("brings images of the store and of archives there, packed, and back into the store", async () => {
    await using server = await startRegistry();
    const engine = await filledEngine();
    const name = `docker://${server.host}/lab/x`;
    await engine.copy(buildConfig(nameless).id, `${name}:stored`);
    await engine.copy(`docker-archive:${await saved(engine, ["two"])}`, `${name}:archived`);
    const types = JSON.parse(skopeo("inspect", "--raw", "--tls-verify=false", `${name}:archived`)).layers;
    expect(types.map(({ mediaType }: TestDescriptor) => mediaType)).toEqual(
      Array(2).fill("application/vnd.oci.image.layer.v1.tar+gzip"),
    );
    const other = await testEngine("vfs");
    expect(await other.copy(`${name}:stored`, "a")).toEqual([
      { digest: buildConfig(nameless).id, names: ["a:latest"] },
    ]);
    await other.copy(`${name}:archived`, "b:2");
    expect((await other.images()).map(({ repository, tag }) => `${repository}:${tag}`).sort()).toEqual([
      "a:latest",
      "b:2",
    ]);
  });
});

function skopeo(...words: readonly string[]): string {
  const { status, stdout, stderr } = spawnSync("skopeo", ["--insecure-policy", ...words], { encoding: "utf8" });
  if (status !== 0) throw new Error(`skopeo ${words.join(" ")}: ${stderr}`);
  return stdout;
}

function rawDigest(name: string): string {
  return skopeo("inspect", "--tls-verify=false", "--format", "{{.Digest}}", name).trim();
}
