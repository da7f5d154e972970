import { mkdirSync, renameSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { join, relative } from "node:path";
import { gzipSync, zstdCompressSync } from "node:zlib";
import { describe, expect, it } from "vitest";
import { collect } from "../../test/support/apply.ts";
import { buildConfig, type TestImage } from "../../test/support/image-builder.ts";
import { blobPath, named, OCI, OciLayout } from "../../test/support/oci-builder.ts";
import { scratchDirectory } from "../../test/support/scratch.ts";
import { layerTar } from "../../test/support/tar-builder.ts";
import type { Image } from "../core/image.ts";
import { parsePlatform } from "../core/platform.ts";
import { familiarString } from "../core/reference.ts";
import { type LayoutOptions, openOciLayout } from "./oci-layout.ts";

const tars = [layerTar([{ name: "a", data: "one" }]), layerTar([{ name: "b", data: "two" }])];
const image: TestImage = { tags: [], layers: tars };
const other: TestImage = { tags: [], layers: tars.slice(0, 1) };
const FULL_NAME = "io.containerd.image.name";

/** What `use` makes of the images, while they are open. */
async function open<T>(
  layout: OciLayout | string,
  options: LayoutOptions,
  use: (images: readonly Image[]) => T | Promise<T>,
): Promise<T> {
  await using source = await openOciLayout(typeof layout === "string" ? layout : layout.write(), options);
  return await use(source.images);
}

const ids = (images: readonly Image[]): string[] => images.map(({ id }) => id);
const names = (images: readonly Image[]): string[][] => images.map((one) => one.names.map(familiarString));

async function tarsOf(images: readonly Image[]): Promise<Buffer[]> {
  return Promise.all((images[0]?.layers ?? []).map((layer) => collect(layer.openTar())));
}

describe("an image in a layout", () => {
  it.each([
    ["none", undefined],
    ["gzip", (layer: Buffer) => gzipSync(layer)],
    ["gzip in two members", (layer: Buffer) => Buffer.concat(halves(layer).map((half) => gzipSync(half)))],
    ["zstd", (layer: Buffer) => zstdCompressSync(layer)],
    ["zstd in two frames", (layer: Buffer) => Buffer.concat(halves(layer).map((half) => zstdCompressSync(half)))],
  ])("has its layers whole, compression: %s", async (_, stored) => {
    const layout = new OciLayout();
    layout.entries(layout.image(stored === undefined ? image : { ...image, stored }));
    await open(layout, {}, async (images) => {
      expect(ids(images)).toEqual([buildConfig(image).id]);
      expect(await tarsOf(images)).toEqual(tars);
    });
  });

  it.each([
    [
      "Docker's media types",
      "application/vnd.docker.image.rootfs.diff.tar",
      "application/vnd.docker.container.image.v1+json",
    ],
    ["OCI's media types", `${OCI}layer.v1.tar`, `${OCI}config.v1+json`],
  ])("may have %s", async (_, layerType, configType) => {
    const layout = new OciLayout();
    const type = "application/vnd.docker.distribution.manifest.v2+json";
    const manifest = configType.includes("docker") ? { mediaType: type } : {};
    const descriptor = configType.includes("docker") ? { mediaType: type } : {};
    layout.entries(layout.image(image, { layerType, configType, manifest, descriptor }));
    expect(await open(layout, {}, ids)).toEqual([buildConfig(image).id]);
  });

  it("may have its manifest in the descriptor itself", async () => {
    const layout = new OciLayout();
    const entry = layout.image(image);
    const data = layout.files.get(blobPath(entry))?.toString("base64");
    layout.files.delete(blobPath(entry));
    layout.entries({ ...entry, data });
    expect(await open(layout, {}, ids)).toEqual([buildConfig(image).id]);
  });
});

describe("the names of an image", () => {
  it.each([
    ["a tag alone", named("latest"), []],
    ["a name with a tag", named("quay.io/x/y:1"), ["quay.io/x/y:1"]],
    ["a name without a tag", named("library/nginx"), []],
    ["what is no name", named("UPPER case"), []],
    [
      "containerd's name",
      { annotations: { ...named("1").annotations, [FULL_NAME]: "docker.io/library/n:1" } },
      ["n:1"],
    ],
    ["nothing", {}, []],
  ])("come from %s", async (_, descriptor, expected) => {
    const layout = new OciLayout();
    layout.entries(layout.image(image, { descriptor }));
    expect(await open(layout, {}, names)).toEqual([expected]);
  });

  it("are put together where one image has several", async () => {
    const layout = new OciLayout();
    layout.entries(
      layout.image(image, { descriptor: named("x:1") }),
      layout.image(image, { descriptor: named("x:2") }),
    );
    expect(await open(layout, {}, names)).toEqual([["x:1", "x:2"]]);
  });

  it("choose an image, as does its place", async () => {
    const layout = new OciLayout();
    const directory = layout
      .entries(layout.image(image, { descriptor: named("1") }), layout.image(other, { descriptor: named("x/y:2") }))
      .write();
    expect(await open(directory, {}, ids)).toEqual([buildConfig(image).id, buildConfig(other).id]);
    expect(await open(directory, { image: { name: "1" } }, ids)).toEqual([buildConfig(image).id]);
    expect(await open(directory, { image: { name: "x/y:2" } }, ids)).toEqual([buildConfig(other).id]);
    expect(await open(directory, { image: { index: 1 } }, ids)).toEqual([buildConfig(other).id]);
    await expect(open(directory, { image: { name: "3" } }, ids)).rejects.toMatchObject({
      code: "NOT_FOUND",
      hint: expect.stringContaining("1, x/y:2"),
    });
    await expect(open(directory, { image: { index: 2 } }, ids)).rejects.toMatchObject({ code: "NOT_FOUND" });
  });

  it("are refused where two images have the one that was asked for", async () => {
    const layout = new OciLayout();
    layout.entries(layout.image(image, { descriptor: named("1") }), layout.image(other, { descriptor: named("1") }));
    await expect(open(layout, { image: { name: "1" } }, ids)).rejects.toMatchObject({ code: "AMBIGUOUS" });
  });
});

describe("the choice of a platform", () => {
  const amd64 = { ...image, config: { architecture: "amd64" } };
  const arm64 = { ...image, config: { architecture: "arm64" } };
  const manifests = (layout: OciLayout) => [
    layout.image(other, {
      descriptor: {
        platform: { os: "unknown", architecture: "unknown" },
        annotations: { "vnd.docker.reference.type": "attestation-manifest" },
      },
    }),
    layout.image(arm64, { descriptor: { platform: { os: "linux", architecture: "arm64" } } }),
    layout.image(amd64, { descriptor: { platform: { os: "linux", architecture: "amd64" } } }),
  ];
  const forms: [string, (layout: OciLayout) => OciLayout][] = [
    ["in index.json", (layout) => layout.entries(...manifests(layout))],
    ["in an index", (layout) => layout.entries(layout.index(manifests(layout), named("1")))],
    ["in an index in an index", (layout) => layout.entries(layout.index([layout.index(manifests(layout))]))],
  ];

  it.each(forms)("takes the one that is asked for, %s", async (_, fill) => {
    const directory = fill(new OciLayout()).write();
    const at = (text: string) => open(directory, { platform: parsePlatform(text) }, ids);
    expect(await at("linux/amd64")).toEqual([buildConfig(amd64).id]);
    expect(await at("linux/arm64")).toEqual([buildConfig(arm64).id]);
    await expect(at("linux/s390x")).rejects.toMatchObject({
      code: "NOT_FOUND",
      message: expect.stringMatching(/no image for linux\/s390x, only for linux\/arm64, linux\/amd64$/),
    });
  });

  it("is left out where there is one image, whatever it runs on", async () => {
    const layout = new OciLayout();
    const s390x = { ...image, config: { architecture: "s390x" } };
    layout.entries(layout.image(s390x, { descriptor: { platform: { os: "linux", architecture: "s390x" } } }));
    expect(await open(layout, {}, ids)).toEqual([buildConfig(s390x).id]);
  });

  it("does not follow indexes without end", async () => {
    const layout = new OciLayout();
    let entry = layout.image(image);
    for (let depth = 0; depth < 9; depth++) entry = layout.index([entry]);
    await expect(open(layout.entries(entry), {}, ids)).rejects.toMatchObject({
      code: "LIMIT_EXCEEDED",
      message: expect.stringContaining("8 levels"),
    });
  });

  it("does not follow indexes without number", async () => {
    const layout = new OciLayout();
    const inner = layout.index(Array.from({ length: 40 }, () => layout.image(image)));
    const outer = layout.index(Array.from({ length: 40 }, () => inner));
    await expect(open(layout.entries(outer), {}, ids)).rejects.toMatchObject({ code: "LIMIT_EXCEEDED" });
  });
});

describe("a layout is refused", () => {
  const artifact = (layout: OciLayout) => layout.image(image, { configType: "application/vnd.example.chart.v1+json" });

  it.each<[string, (layout: OciLayout) => OciLayout, string, RegExp]>([
    [
      "whose layer has an unknown media type",
      (l) => l.entries(l.image(image, { layerType: `${OCI}layer.v1.tar+encrypted` })),
      "UNSUPPORTED",
      /media type .*v1\.tar\+encrypted/,
    ],
    [
      "whose layer may not be passed on",
      (l) => l.entries(l.image(image, { layerType: `${OCI}layer.nondistributable.v1.tar` })),
      "UNSUPPORTED",
      /foreign/,
    ],
    [
      "whose layer is packed in another way than it says",
      (l) =>
        l.entries(
          l.image({ ...image, stored: (tar) => zstdCompressSync(tar) }, { layerType: `${OCI}layer.v1.tar+gzip` }),
        ),
      "INVALID_COMPRESSION",
      /compression is gzip, by its bytes zstd/,
    ],
    [
      "that holds an artifact only",
      (l) => l.entries(artifact(l)),
      "UNSUPPORTED",
      /artifact of type application\/vnd\.example\.chart/,
    ],
    [
      "whose index names an unknown media type only",
      (l) => l.entries(l.index([l.blob("application/vnd.example.thing", "x")])),
      "UNSUPPORTED",
      /application\/vnd\.example\.thing/,
    ],
    [
      "of Docker's schema 1",
      (l) => l.entries(l.blob("application/vnd.docker.distribution.manifest.v1+prettyjws", "{}")),
      "UNSUPPORTED",
      /schema 1/,
    ],
    ["without images", (l) => l.entries(), "INVALID_ARCHIVE", /names no image/],
    ["whose index is empty", (l) => l.entries(l.index([])), "INVALID_MANIFEST", /is empty/],
    [
      "with fewer layers than diff_ids",
      (l) => l.entries(l.image(image, { manifest: { layers: [] } })),
      "INVALID_MANIFEST",
      /each of its config's 2 diff_ids, found 0/,
    ],
    [
      "without index.json and oci-layout",
      (l) => {
        l.files.clear();
        l.files.set("x", Buffer.from(""));
        return l;
      },
      "INVALID_ARCHIVE",
      /neither oci-layout nor index\.json/,
    ],
    [
      "of another version",
      (l) => {
        l.files.set("oci-layout", Buffer.from('{"imageLayoutVersion":"2.0.0"}'));
        return l.entries(l.image(image));
      },
      "UNSUPPORTED",
      /version 2\.0\.0/,
    ],
    [
      "whose manifest is too large",
      (l) => l.entries({ ...l.image(image), size: 5_000_000 }),
      "LIMIT_EXCEEDED",
      /5000000 bytes/,
    ],
  ])("%s", async (_, fill, code, message) => {
    await expect(open(fill(new OciLayout()), {}, ids)).rejects.toMatchObject({
      code,
      message: expect.stringMatching(message),
    });
  });

  it("not for an artifact beside images", async () => {
    const layout = new OciLayout();
    layout.entries(artifact(layout), layout.image(image));
    expect(await open(layout, {}, ids)).toEqual([buildConfig(image).id]);
  });

  const parts = ["manifest", "config", "layer"] as const;
  const damages: [string, string, (bytes: Buffer) => Buffer, string][] = parts.flatMap((part) => [
    [part, "too long", (bytes) => Buffer.concat([bytes, Buffer.from(" ")]), "DIGEST_MISMATCH"],
    [part, "cut", (bytes) => bytes.subarray(1), "DIGEST_MISMATCH"],
  ]);
  damages.push(["manifest", "another", (bytes) => Buffer.alloc(bytes.length, 0x20), "DIGEST_MISMATCH"]);
  damages.push(["config", "another", (bytes) => Buffer.alloc(bytes.length, 0x20), "DIGEST_MISMATCH"]);

  it.each(damages)("whose %s is %s", async (part, _, damage, code) => {
    const layout = new OciLayout();
    const entry = layout.entries(layout.image(other)).files;
    const [config, layer, manifest] = [...entry.keys()].filter((path) => path.startsWith("blobs/"));
    const path = { config, layer, manifest }[part] ?? "";
    layout.files.set(path, damage(layout.files.get(path) ?? Buffer.alloc(0)));
    await expect(open(layout, {}, ids)).rejects.toMatchObject({
      code,
      message: expect.stringContaining(path.slice(13)),
    });
  });

  it("whose data is not what its digest promises", async () => {
    const layout = new OciLayout();
    const entry = layout.image(image);
    layout.entries({ ...entry, data: Buffer.alloc(entry.size).toString("base64") });
    await expect(open(layout, {}, ids)).rejects.toMatchObject({ code: "DIGEST_MISMATCH" });
  });
});

describe("a hostile directory", () => {
  const written = (): { directory: string; manifest: string } => {
    const layout = new OciLayout();
    const entry = layout.image(image);
    return { directory: layout.entries(entry).write(), manifest: blobPath(entry) };
  };

  it.each(["absolute", "relative"])(
    "cannot have a blob read that lies outside of it, by a link that is %s",
    async (form) => {
      const { directory, manifest } = written();
      const outside = scratchDirectory();
      renameSync(join(directory, manifest), join(outside, "manifest"));
      const target =
        form === "absolute"
          ? join(outside, "manifest")
          : relative(join(directory, "blobs/sha256"), join(outside, "manifest"));
      symlinkSync(target, join(directory, manifest));
      await expect(open(directory, {}, ids)).rejects.toMatchObject({
        code: "INVALID_ARCHIVE",
        message: expect.stringContaining("a link that leaves the directory"),
      });
    },
  );

  it("cannot have its blobs/ elsewhere", async () => {
    const { directory } = written();
    const outside = scratchDirectory();
    renameSync(join(directory, "blobs"), join(outside, "blobs"));
    symlinkSync(join(outside, "blobs"), join(directory, "blobs"));
    await expect(open(directory, {}, ids)).rejects.toMatchObject({ code: "INVALID_ARCHIVE" });
  });

  it("may link within itself", async () => {
    const { directory, manifest } = written();
    renameSync(join(directory, manifest), join(directory, "manifest"));
    symlinkSync("../../manifest", join(directory, manifest));
    expect(await open(directory, {}, ids)).toEqual([buildConfig(image).id]);
  });

  it("is refused where a blob is a directory or missing", async () => {
    const { directory, manifest } = written();
    rmSync(join(directory, manifest));
    await expect(open(directory, {}, ids)).rejects.toMatchObject({
      message: expect.stringContaining(`there is no ${manifest}`),
    });
    mkdirSync(join(directory, manifest));
    await expect(open(directory, {}, ids)).rejects.toMatchObject({
      message: expect.stringContaining("found a directory"),
    });
  });

  it("is refused where it is a file or missing", async () => {
    const { directory } = written();
    await expect(open(join(directory, "nowhere"), {}, ids)).rejects.toMatchObject({ code: "NOT_FOUND" });
    writeFileSync(join(directory, "file"), "");
    await expect(open(join(directory, "file"), {}, ids)).rejects.toMatchObject({
      code: "INVALID_ARCHIVE",
      hint: expect.stringContaining("oci-archive:"),
    });
  });
});

function halves(bytes: Buffer): Buffer[] {
  return [bytes.subarray(0, bytes.length / 2), bytes.subarray(bytes.length / 2)];
}
