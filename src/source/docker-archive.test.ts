import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Readable } from "node:stream";
import { gzipSync, zstdCompressSync } from "node:zlib";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { type ArchivePart, buildConfig, buildTar, hexOf } from "../../test/support/archive-builder.ts";
import { digestOf } from "../core/digest.ts";
import type { ImageSource, Layer } from "../core/image.ts";
import { parseReference } from "../core/reference.ts";
import { openDockerArchive } from "./docker-archive.ts";

let directory: string;
const sources: ImageSource[] = [];
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "layerfs-docker-archive-"));
});
afterEach(async () => {
  for (const source of sources.splice(0)) await source[Symbol.asyncDispose]();
  await rm(directory, { recursive: true });
});

async function openParts(parts: readonly ArchivePart[]): Promise<ImageSource> {
  const path = join(directory, "x.tar");
  await writeFile(path, buildTar(parts));
  const source = await openDockerArchive(path, { spoolDirectory: directory });
  sources.push(source);
  return source;
}

async function bytesOf(source: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of source) chunks.push(chunk);
  return Buffer.concat(chunks);
}

function manifest(...images: object[]): ArchivePart {
  return { name: "manifest.json", content: JSON.stringify(images) };
}

const LOWER = buildTar([{ name: "etc/os", content: "lower" }]);
const UPPER = buildTar([{ name: "etc/os", content: "upper" }]);
const CONFIG = buildConfig([LOWER, UPPER]);
const CONFIG_FILE: ArchivePart = { name: `${hexOf(CONFIG)}.json`, content: CONFIG };
const ENTRY = { Config: CONFIG_FILE.name, RepoTags: ["x:1"], Layers: ["a/layer.tar", "b/layer.tar"] };
const LAYER_FILES: ArchivePart[] = [
  { name: "a/layer.tar", content: LOWER },
  { name: "b/layer.tar", content: UPPER },
];

async function expectLayers(layers: readonly Layer[], expected: readonly Buffer[]): Promise<void> {
  expect(layers.map((layer) => layer.diffID)).toEqual(expected.map((tar) => digestOf(tar)));
  const tars = await Promise.all(layers.map((layer) => bytesOf(layer.openTar())));
  expect(tars.map((tar) => hexOf(tar))).toEqual(expected.map(hexOf));
}

describe("openDockerArchive", () => {
  it("reads the form of Docker 1.10 to 24", async () => {
    const { images } = await openParts([...LAYER_FILES, CONFIG_FILE, manifest(ENTRY)]);
    expect(images).toHaveLength(1);
    expect(images[0]).toMatchObject({
      id: digestOf(CONFIG),
      platform: { os: "linux", architecture: "amd64" },
      names: [parseReference("x:1")],
    });
    expect(images[0]!.layers[0]!.blobDigest).toBeUndefined();
    await expectLayers(images[0]!.layers, [LOWER, UPPER]);
  });

  it("reads the form of Docker 25, with blobs named by their digest", async () => {
    const blobs = [LOWER, UPPER, CONFIG].map((content) => ({ name: `blobs/sha256/${hexOf(content)}`, content }));
    const [lower, upper, config] = blobs.map((blob) => blob.name);
    const entry = { Config: config, RepoTags: null, Layers: [lower, upper] };
    const { images } = await openParts([
      ...blobs,
      { name: "oci-layout", content: "{}" },
      { name: "index.json", content: "{}" },
      manifest(entry),
    ]);
    expect(images[0]!.names).toEqual([]);
    expect(images[0]!.layers.map((layer) => layer.blobDigest)).toEqual([digestOf(LOWER), digestOf(UPPER)]);
    await expectLayers(images[0]!.layers, [LOWER, UPPER]);
  });

  it("reads a layer that is a link to another image's", async () => {
    const shared: ArchivePart = { name: "b/layer.tar", linkTo: "../a/layer.tar" };
    const config = buildConfig([LOWER, LOWER]);
    const { images } = await openParts([
      shared,
      LAYER_FILES[0]!,
      { name: "c/layer.tar", linkTo: "a/layer.tar", type: "1" },
      { name: "config.json", content: config },
      manifest({ ...ENTRY, Config: "config.json", Layers: ["b/layer.tar", "c/layer.tar"] }),
    ]);
    await expectLayers(images[0]!.layers, [LOWER, LOWER]);
  });

  it("gives a layer's stored bytes and their place, and unpacks compressed layers", async () => {
    const [packed, zstd] = [gzipSync(LOWER), zstdCompressSync(UPPER)];
    const files = [
      { name: "a/layer.tar", content: packed },
      { name: "b/layer.tar", content: zstd },
    ];
    const { images } = await openParts([...files, CONFIG_FILE, manifest(ENTRY)]);
    const layer = images[0]!.layers[0]!;
    expect((await bytesOf(layer.open())).equals(packed)).toBe(true);
    expect(layer.extent).toMatchObject({ offset: 512, length: packed.length });
    await expectLayers(images[0]!.layers, [LOWER, UPPER]);
  });

  it("reads several images with several names, which share config and layers", async () => {
    const small = buildConfig([LOWER]);
    const { images } = await openParts([
      manifest({ ...ENTRY, RepoTags: ["x:1", "quay.io/y:2"] }, ENTRY, {
        Config: "small",
        RepoTags: [],
        Layers: ["./a/layer.tar"],
      }),
      ...LAYER_FILES,
      CONFIG_FILE,
      { name: "small", content: small },
    ]);
    expect(images.map((image) => image.id)).toEqual([digestOf(CONFIG), digestOf(CONFIG), digestOf(small)]);
    expect(images[0]!.names).toEqual([parseReference("x:1"), parseReference("quay.io/y:2")]);
    expect(images[0]!.config).toBe(images[1]!.config);
    await expectLayers(images[2]!.layers, [LOWER]);
  });

  it("reads the same from a compressed stream", async () => {
    const stream = Readable.from([gzipSync(buildTar([manifest(ENTRY), CONFIG_FILE, ...LAYER_FILES]))]);
    const source = await openDockerArchive({ stream }, { spoolDirectory: directory });
    sources.push(source);
    await expectLayers(source.images[0]!.layers, [LOWER, UPPER]);
  });

  it("reads an image without layers", async () => {
    const { images } = await openParts([
      { name: "c", content: buildConfig([]) },
      manifest({ Config: "c", RepoTags: null, Layers: null }),
    ]);
    expect(images[0]!.layers).toEqual([]);
  });

  it.each([
    [`${hexOf(CONFIG)}.json`],
    [`blobs/sha256/${hexOf(CONFIG)}`],
    [`./blobs/sha256/${hexOf(CONFIG)}`],
    [`sha256:${hexOf(CONFIG)}`],
  ])("refuses another config under the name %s", async (name) => {
    const other = { name, content: buildConfig([LOWER, UPPER], { author: "mallory" }) };
    await expect(openParts([...LAYER_FILES, other, manifest({ ...ENTRY, Config: name })])).rejects.toThrow(
      expect.objectContaining({ code: "DIGEST_MISMATCH", message: expect.stringContaining(digestOf(CONFIG)) }),
    );
  });

  it("refuses a wrong name also for a config that another image has under its right one", async () => {
    const wrong = { name: `${"0".repeat(64)}.json`, linkTo: CONFIG_FILE.name };
    const images = manifest(ENTRY, { ...ENTRY, Config: wrong.name });
    await expect(openParts([...LAYER_FILES, CONFIG_FILE, wrong, images])).rejects.toThrow(
      expect.objectContaining({ code: "DIGEST_MISMATCH" }),
    );
  });

  it.each<[string, ArchivePart[], string, string]>([
    [
      "a missing layer",
      [LAYER_FILES[0]!, CONFIG_FILE, manifest(ENTRY)],
      "there is no b/layer.tar",
      "save the image again",
    ],
    ["a missing config", [...LAYER_FILES, manifest(ENTRY)], `there is no ${CONFIG_FILE.name}`, "save the image again"],
    [
      "fewer layers than diff_ids",
      [...LAYER_FILES, CONFIG_FILE, manifest({ ...ENTRY, Layers: ["a/layer.tar"] })],
      "expected a layer for each of its 2 diff_ids, found 1",
      "",
    ],
    [
      "a layer outside the archive",
      [...LAYER_FILES, CONFIG_FILE, manifest({ ...ENTRY, Layers: ["a/layer.tar", "../../etc/passwd"] })],
      "does not lie in it",
      "",
    ],
    ["no manifest.json", LAYER_FILES, "not what docker save writes", "docker export"],
    ["an OCI layout", [{ name: "oci-layout" }, { name: "index.json" }], "no manifest.json", "oci-archive:"],
    ["the form before 1.10", [...LAYER_FILES, { name: "repositories", content: "{}" }], "no manifest.json", "1.10"],
    [
      "a manifest.json that is too large",
      [{ name: "manifest.json", content: Buffer.alloc(4194305, 32) }],
      "4194305",
      "",
    ],
    ["a manifest.json that is none", [{ name: "manifest.json", content: "{}" }], "expected an array", ""],
    ["a manifest.json that is a directory", [{ name: "manifest.json", type: "5" }], "found a directory", ""],
  ])("refuses %s", async (_, parts, problem, hint) => {
    const refusal = await openParts(parts).then(
      () => undefined,
      (error: unknown) => error,
    );
    expect(refusal).toMatchObject({ code: "INVALID_ARCHIVE", message: expect.stringContaining(problem) });
    expect((refusal as { hint?: string }).hint ?? "").toContain(hint);
  });

  it("refuses a config that is none", async () => {
    const entry = { ...ENTRY, Config: "c" };
    await expect(openParts([...LAYER_FILES, { name: "c", content: "{}" }, manifest(entry)])).rejects.toThrow(
      expect.objectContaining({ code: "INVALID_CONFIG" }),
    );
  });

  it("refuses to hold more than 64 MiB of configs", async () => {
    const padding = " ".repeat(4_000_000);
    const configs = Array.from({ length: 17 }, (_, index) => ({
      name: `c${index}`,
      content: `${buildConfig([]).toString()}${padding}`,
    }));
    const images = configs.map(({ name }) => ({ Config: name, RepoTags: null, Layers: [] }));
    await expect(openParts([manifest(...images), ...configs])).rejects.toThrow(
      expect.objectContaining({ code: "LIMIT_EXCEEDED" }),
    );
  });

  it("refuses more than 100000 layers", async () => {
    const image = { Config: "c", RepoTags: null, Layers: Array.from({ length: 100_001 }, () => "a") };
    await expect(openParts([manifest(image)])).rejects.toThrow(
      expect.objectContaining({ code: "LIMIT_EXCEEDED", message: expect.stringContaining("found 100001") }),
    );
  });
});
