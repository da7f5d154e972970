import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { gzipSync, zstdCompressSync } from "node:zlib";
import { describe, expect, it, onTestFinished } from "vitest";
import { CACHE_VERSION } from "../../src/engine/tree/layer-index/cache.ts";
import { type Image, openImage, type ProgressEvent, type View } from "../../src/index.ts";
import { tryLock } from "../../src/sys/lock.ts";
import { dockerArchive, sha256, type TestImage } from "../support/image-builder.ts";
import { named, OciLayout } from "../support/oci-builder.ts";
import { randomBytesOf } from "../support/random.ts";
import { startFaultProxy } from "../support/registry/fault-proxy.ts";
import { pushImage } from "../support/registry/push-image.ts";
import { registry, startRegistry } from "../support/registry/registry.ts";
import { QUIET_SETTINGS } from "../support/registry/settings.ts";
import { requires } from "../support/requires.ts";
import { scratchDirectory } from "../support/scratch.ts";
import { layerTar, type TestEntry } from "../support/tar-builder.ts";

/** Text that packs a little, so that there are many blocks: 14 MiB, and restart points every 4. */
const FILES = 14;
const contents = Array.from({ length: FILES }, (_, index) =>
  Buffer.from(randomBytesOf(`file ${index}`, 512 << 10).toString("hex"), "latin1"),
);
const entries: TestEntry[] = contents.flatMap((data, index) => [
  { name: `d${index}/`, type: "directory" },
  { name: `d${index}/file`, data },
  { name: `d${index}/small`, data: Buffer.from(`small ${index}`) },
]);
const layer = layerTar([...entries, { name: "hard", type: "hardlink", link: "d12/file" }]);
const image: TestImage = { tags: ["app:1"], layers: [layerTar([{ name: "below", data: "x" }]), layer] };

/** As many members as there are megabytes, as parallel compressors make them. */
function membersOf(tar: Buffer): Buffer {
  const parts: Buffer[] = [];
  for (let at = 0; at < tar.length; at += 1 << 20) parts.push(gzipSync(tar.subarray(at, at + (1 << 20)), { level: 1 }));
  return Buffer.concat(parts);
}

function once(pack: (tar: Buffer) => Buffer): (tar: Buffer) => Buffer {
  const packed = new Map<Buffer, Buffer>();
  return (tar) => {
    const bytes = packed.get(tar) ?? pack(tar);
    packed.set(tar, bytes);
    return bytes;
  };
}

const gzip = { ...image, stored: once((tar) => gzipSync(tar, { level: 1 })) };
const members = { ...image, stored: once(membersOf) };
const zstd = { ...image, stored: once((tar) => zstdCompressSync(tar)) };

function layoutOf(stored: TestImage): string {
  const layout = new OciLayout();
  return layout.entries(layout.image(stored, { descriptor: named("app") })).write();
}

function archiveOf(stored: TestImage): string {
  const file = join(scratchDirectory(), "archive.tar");
  writeFileSync(file, dockerArchive([stored]));
  return file;
}

interface Look {
  readonly image: Image;
  readonly view: View;
  /** Stored bytes that were read in one go from a layer's start. */
  readonly bytesPassed: () => number;
}

async function look(source: string, cacheDirectory: string): Promise<Look> {
  let bytes = 0;
  const onProgress = (event: ProgressEvent): void => {
    if (event.type === "layer-progress") bytes += event.bytes;
  };
  const made = await openImage(source, { cacheDirectory, onProgress, registries: QUIET_SETTINGS });
  onTestFinished(() => made[Symbol.asyncDispose]());
  return { image: made, view: await made.view(), bytesPassed: () => bytes };
}

function records(cache: string): string[] {
  return readdirSync(join(cache, CACHE_VERSION)).sort();
}

function described(view: View): string[] {
  return Array.from(view.walk(), (node) =>
    JSON.stringify({ ...node, xattrs: [...node.xattrs], path: node.path.toString() }),
  );
}

const FORMS: [string, () => string][] = [
  ["gzip", () => `oci:${layoutOf(gzip)}`],
  ["gzip of many members", () => `oci:${layoutOf(members)}`],
  ["zstd", () => `oci:${layoutOf(zstd)}`],
  ["plain", () => `docker-archive:${archiveOf(image)}`],
];

describe.each(FORMS)("a second look into layers with %s", (form, makeSource) => {
  it("shows the same, and reads no layer", async () => {
    const [source, cache] = [makeSource(), scratchDirectory()];
    const first = await look(source, cache);
    expect(first.bytesPassed()).toBeGreaterThan(1 << 20);
    const second = await look(source, cache);
    expect(described(second.view)).toEqual(described(first.view));
    expect(second.bytesPassed()).toBe(0);
    expect((await second.image.provenance("/d3/file")).origin).toMatchObject({ layer: 1, effect: "put" });
    expect(second.bytesPassed()).toBe(0);
  });

  it("reads files from where they lie, whole and in part", async () => {
    const [source, cache] = [makeSource(), scratchDirectory()];
    await look(source, cache);
    const { view, bytesPassed } = await look(source, cache);
    for (const index of [0, 3, 9, 13]) {
      expect((await view.readFile(`/d${index}/file`)).equals(contents[index]!)).toBe(true);
      expect((await view.readFile(`/d${index}/small`)).toString()).toBe(`small ${index}`);
    }
    expect((await view.readFile("/hard")).equals(contents[12]!)).toBe(true);
    const part = await view.createReadStream("/d11/file", { start: 700_001, end: 900_000 }).toArray();
    expect(Buffer.concat(part).equals(contents[11]!.subarray(700_001, 900_001))).toBe(true);
    if (form !== "zstd") expect(bytesPassed()).toBe(0);
  });
});

describe("an image in a registry", () => {
  requires(registry());

  it.each(["gzip", "none"] as const)("gives one file by a range, with %s", { timeout: 60_000 }, async (compress) => {
    await using server = await startRegistry();
    const { layers } = await pushImage(server, "lab/a:1", image, { compress });
    await using proxy = await startFaultProxy(server);
    const [source, cache] = [`docker://${proxy.host}/lab/a:1`, scratchDirectory()];
    const first = await look(source, cache);
    expect((await first.view.readFile("/d9/small")).toString()).toBe("small 9");
    proxy.forget();
    const { view, bytesPassed } = await look(source, cache);
    expect((await view.readFile("/d11/file")).equals(contents[11]!)).toBe(true);
    expect(bytesPassed()).toBe(0);
    await proxy.idle();
    const downloads = proxy.downloadsOf(layers[1]!.digest);
    expect(downloads.map(({ range }) => range)).toEqual([expect.stringMatching(/^bytes=[1-9]\d{5,}-$/)]);
    expect(proxy.downloadsOf(layers[0]!.digest)).toEqual([]);
  });
});

describe("a file of a layer that can only be read from its start", () => {
  it("is kept when it was read once", async () => {
    const [source, cache] = [`oci:${layoutOf(zstd)}`, scratchDirectory()];
    const first = await look(source, cache);
    expect((await first.view.readFile("/d9/file")).equals(contents[9]!)).toBe(true);
    const second = await look(source, cache);
    expect((await second.view.readFile("/d9/file")).equals(contents[9]!)).toBe(true);
    expect(second.bytesPassed()).toBe(0);
    const part = await second.view.createReadStream("/d9/file", { start: 5, end: 8 }).toArray();
    expect(Buffer.concat(part).equals(contents[9]!.subarray(5, 9))).toBe(true);
  });
});

describe("a layer that was changed after the first look", () => {
  const flipped = (path: string, offset: number): void => {
    const bytes = readFileSync(path);
    bytes[offset]! ^= 1;
    writeFileSync(path, bytes);
  };

  it.each(["gzip", "plain"])("with %s is found out where a changed file is read", async (form) => {
    const cache = scratchDirectory();
    const layout = form === "gzip" ? layoutOf(gzip) : null;
    const file = layout === null ? archiveOf(image) : join(layout, "blobs/sha256", sha256(gzip.stored(layer)));
    const source = layout === null ? `docker-archive:${file}` : `oci:${layout}`;
    await look(source, cache);
    flipped(file, Math.floor(statSync(file).size * 0.52));
    const { view } = await look(source, cache);
    expect((await view.readFile("/d1/file")).equals(contents[1]!)).toBe(true);
    const failures: unknown[] = [];
    for (let index = 4; index < 11; index++) {
      await view.readFile(`/d${index}/file`).catch((error: unknown) => failures.push(error));
    }
    expect(failures.length).toBeGreaterThan(0);
    for (const failure of failures) {
      expect(failure).toMatchObject({ code: expect.stringMatching(/^(DIGEST_MISMATCH|INVALID_COMPRESSION)$/) });
    }
  });

  it("is not indexed where it is damaged from the beginning", async () => {
    const [layout, cache] = [layoutOf(gzip), scratchDirectory()];
    const blob = join(layout, "blobs/sha256", sha256(gzip.stored(layer)));
    flipped(blob, statSync(blob).size >> 1);
    await expect(look(`oci:${layout}`, cache)).rejects.toMatchObject({
      code: expect.stringMatching(/^(DIGEST_MISMATCH|INVALID_COMPRESSION)$/),
    });
    expect(records(cache).filter((name) => name.includes(sha256(layer)))).toEqual([]);
  });

  it("is not indexed where it is cut off", async () => {
    const cache = scratchDirectory();
    const cut = new OciLayout();
    const whole = gzip.stored(layer);
    cut.entries(cut.image({ ...image, layers: [layer], stored: () => whole.subarray(0, whole.length >> 1) }));
    await expect(look(`oci:${cut.write()}`, cache)).rejects.toMatchObject({ code: "INVALID_COMPRESSION" });
    expect(existsSync(join(cache, CACHE_VERSION))).toBe(false);
  });
});

describe("the cache", () => {
  const small: TestImage = {
    tags: ["small:1"],
    layers: [
      layerTar([
        { name: "a", data: "1" },
        { name: "b/c", data: "2" },
      ]),
    ],
  };

  it.each([
    ["cut off", (path: string) => truncateSync(path, statSync(path).size - 1)],
    ["empty", (path: string) => truncateSync(path, 0)],
    [
      "changed",
      (path: string) => {
        const bytes = readFileSync(path);
        bytes[bytes.length - 1]! ^= 1;
        writeFileSync(path, bytes);
      },
    ],
  ])("makes a record anew that is %s", async (_, damage) => {
    const [source, cache] = [`oci:${layoutOf({ ...small, stored: (tar) => gzipSync(tar) })}`, scratchDirectory()];
    const first = await look(source, cache);
    const whole = records(cache).map((name) => readFileSync(join(cache, CACHE_VERSION, name)));
    for (const name of records(cache)) damage(join(cache, CACHE_VERSION, name));
    const second = await look(source, cache);
    expect(described(second.view)).toEqual(described(first.view));
    expect(records(cache).map((name) => readFileSync(join(cache, CACHE_VERSION, name)))).toEqual(whole);
  });

  it("is the user's alone, and holds nothing unfinished", async () => {
    const cache = join(scratchDirectory(), "made", "anew");
    await look(`docker-archive:${archiveOf(small)}`, cache);
    expect(statSync(join(cache, CACHE_VERSION)).mode & 0o777).toBe(0o700);
    expect(
      records(cache).filter(
        (name) => !/^(layers|points)-[0-9a-f]{64}$|^trees-[0-9a-f]{64}-number-[0-9a-f]{16}$/.test(name),
      ),
    ).toEqual([]);
    for (const name of records(cache)) expect(statSync(join(cache, CACHE_VERSION, name)).mode & 0o777).toBe(0o600);
  });

  it("loses what dead processes and other versions of layerfs have left when somebody looks for a record", async () => {
    const [source, cache] = [`docker-archive:${archiveOf(small)}`, scratchDirectory()];
    await look(source, cache);
    mkdirSync(join(cache, "view-0"));
    writeFileSync(join(cache, "view-0/layers-0"), "old");
    writeFileSync(join(cache, CACHE_VERSION, ".0011.tmp"), "of a process that was killed");
    writeFileSync(join(cache, CACHE_VERSION, ".2233.tmp"), "of one that is at work");
    using _held = tryLock(join(cache, CACHE_VERSION, ".2233.tmp"), "exclusive");
    const { bytesPassed } = await look(source, cache);
    expect(bytesPassed()).toBe(0);
    expect(readdirSync(cache)).toEqual([CACHE_VERSION]);
    expect(records(cache).filter((name) => name.endsWith(".tmp"))).toEqual([".2233.tmp"]);
  });

  it("may be missing: what cannot be kept is read again", async () => {
    const file = join(scratchDirectory(), "file");
    writeFileSync(file, "no directory");
    const { view } = await look(`docker-archive:${archiveOf(small)}`, file);
    expect((await view.readFile("/b/c")).toString()).toBe("2");
    chmodSync(file, 0o400);
  });

  it("has no record of a layer whose entries are too many bytes, which is read again in place of it", async () => {
    const value = Buffer.alloc(1_000_000, "v");
    const heavy = layerTar(
      Array.from({ length: 70 }, (_, index) => ({ name: `f${index}`, xattrs: { "user.x": value } })),
    );
    const [source, cache] = [`docker-archive:${archiveOf({ ...small, layers: [heavy] })}`, scratchDirectory()];
    const { view, bytesPassed } = await look(source, cache);
    expect(view.stat("/f69").xattrs.get("user.x")?.equals(value)).toBe(true);
    expect(bytesPassed()).toBe(2 * heavy.length);
    expect(records(cache).filter((name) => name.startsWith("layers-"))).toEqual([]);
  });

  it("is shared by looks at the same time", async () => {
    const [source, cache] = [`oci:${layoutOf(gzip)}`, scratchDirectory()];
    const looks = await Promise.all(Array.from({ length: 4 }, () => look(source, cache)));
    const [first] = looks;
    for (const { view } of looks) expect(described(view)).toEqual(described(first!.view));
    expect(records(cache).filter((name) => name.endsWith(".tmp"))).toEqual([]);
  });
});
