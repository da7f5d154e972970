import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync, zstdCompressSync } from "node:zlib";
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from "vitest";
import {
  type Image,
  type LayerScan,
  type OpenImageOptions,
  openEngine,
  openImage,
  type ProgressEvent,
  tarLayer,
  union,
  type View,
} from "../../src/index.ts";
import { dockerd, startDockerd } from "../support/dockerd.ts";
import { overlay } from "../support/filesystems.ts";
import { buildConfig, dockerArchive, sha256, type TestImage } from "../support/image-builder.ts";
import { named, OciLayout } from "../support/oci-builder.ts";
import { requires } from "../support/requires.ts";
import { scratchDirectory } from "../support/scratch.ts";
import { snapshot } from "../support/snapshot.ts";
import { testEngine } from "../support/stores.ts";
import { layerTar } from "../support/tar-builder.ts";

const image: TestImage = {
  tags: ["app:1"],
  layers: [
    layerTar([
      { name: "usr/lib/", type: "directory" },
      { name: "lib", type: "symlink", link: "usr/lib" },
      { name: "usr/lib/package.json", data: "first" },
      { name: "usr/lib/gone.json", data: "{}" },
      { name: "etc/motd", data: "lowest", uid: 7, gid: 8, mode: 0o600 },
      { name: "etc/motd.again", type: "hardlink", link: "etc/motd", uid: 7, gid: 8, mode: 0o600 },
    ]),
    layerTar([
      { name: "usr/lib/.wh.gone.json" },
      { name: "usr/lib/package.json", data: "second" },
      { name: "lib/through.json", data: "through a symlink" },
    ]),
  ],
};
const gzip = { ...image, stored: (tar: Buffer) => gzipSync(tar) };
const zstd = { ...image, stored: (tar: Buffer) => zstdCompressSync(tar) };
const diffIDs = image.layers.map((layer) => `sha256:${sha256(layer)}`);

function layoutOf(stored: TestImage): OciLayout {
  const layout = new OciLayout();
  return layout.entries(layout.image(stored, { descriptor: named("docker.io/library/app:1") }));
}

function fileOf(bytes: Buffer): string {
  const file = join(scratchDirectory(), "file");
  writeFileSync(file, bytes);
  return file;
}

/** Without a cache, unless one is given. */
async function opened(source: string, options: OpenImageOptions = {}): Promise<Image> {
  const made = await openImage(source, { cacheDirectory: null, ...options });
  onTestFinished(() => made[Symbol.asyncDispose]());
  return made;
}

function shown(view: View): string[] {
  return Array.from(view.walk(), ({ path }) => path.toString());
}

const missing = requires(overlay());
let root: string;
beforeAll(async () => {
  root = mkdtempSync(join(tmpdir(), "layerfs-test-"));
  if (missing !== null) return;
  await using engine = await openEngine({ root, driver: "overlay2" });
  writeFileSync(join(root, "archive"), dockerArchive([image]));
  await engine.load({ file: join(root, "archive") });
});
afterAll(() => rmSync(root, { recursive: true }));

const PLACES: [string, () => Promise<[string, OpenImageOptions?]>][] = [
  ["an OCI layout with gzip", async () => [`oci:${layoutOf(gzip).write()}`]],
  ["an OCI archive with zstd", async () => [`oci-archive:${fileOf(layoutOf(zstd).tar())}`]],
  ["a docker-archive", async () => [`docker-archive:${fileOf(dockerArchive([image]))}:app:1`]],
  ["the store", async () => ["app:1", { root }]],
  ["another data root", async () => [`docker-root:${root}:app:1`]],
  ["another data root of one image", async () => [`docker-root:${root}`]],
];

describe.each(PLACES)("an image in %s", (_, makeSource) => {
  it("is opened and seen whole", async () => {
    const made = await opened(...(await makeSource()));
    expect(made).toMatchObject({ id: buildConfig(image).id, names: ["app:1"], platform: "linux/amd64" });
    expect(made.layers.map(({ diffID, createdBy }) => [diffID, createdBy])).toEqual([
      [diffIDs[0], "layer 0"],
      [diffIDs[1], "layer 1"],
    ]);
    const view = await made.view();
    expect(shown(view)).toEqual([
      ...["/", "/etc", "/etc/motd", "/etc/motd.again", "/lib"],
      ...["/usr", "/usr/lib", "/usr/lib/package.json", "/usr/lib/through.json"],
    ]);
    expect((await view.readFile("/lib/package.json")).toString()).toBe("second");
    expect((await view.readFile("/etc/motd.again")).toString()).toBe("lowest");
    expect(view.stat("/etc/motd")).toMatchObject({ uid: 7, gid: 8, mode: 0o600, nlink: 2, layer: 0 });
  });

  it("tells where a path comes from, and what became of it", async () => {
    const made = await opened(...(await makeSource()));
    const { path, origin, steps } = await made.provenance("/lib/package.json");
    expect(path.toString()).toBe("/usr/lib/package.json");
    expect(origin).toMatchObject({ layer: 1, diffID: diffIDs[1], createdBy: "layer 1", effect: "replaced" });
    expect(steps.map(({ effect, layer }) => [effect, layer])).toEqual([
      ["put", 0],
      ["replaced", 1],
    ]);
    const gone = await made.provenance("/usr/lib/gone.json");
    expect(gone.origin).toBe(null);
    expect(gone.steps.at(-1)).toMatchObject({ effect: "deleted", diffID: diffIDs[1], createdBy: "layer 1" });
    await expect(made.provenance("/never")).rejects.toMatchObject({ code: "NOT_FOUND" });
  });

  it("is scanned in one pass, and what is known of a layer is not read again", async () => {
    const made = await opened(...(await makeSource()));
    const [known, read] = [new Map<string, LayerScan<string>>(), [] as string[]];
    const scan = () =>
      made.scan<string>({
        match: "usr/lib/*.json",
        file: async ({ path, layer }, content) => {
          const chunks: Buffer[] = [];
          for await (const chunk of content) chunks.push(chunk);
          read.push(`${layer}${path}`);
          return Buffer.concat(chunks).toString();
        },
        recall: (diffID) => known.get(diffID),
        remember: (layer) => void known.set(layer.diffID, JSON.parse(JSON.stringify(layer))),
      });
    const first = await scan();
    expect(first.files.map(({ path, layer, result }) => [path.toString(), layer, result])).toEqual([
      ["/usr/lib/package.json", 1, "second"],
      ["/usr/lib/through.json", 1, "through a symlink"],
    ]);
    expect(first.hidden.map(({ path, layer, result }) => [path.toString(), layer, result])).toEqual([
      ["/usr/lib/package.json", 0, "first"],
      ["/usr/lib/gone.json", 0, "{}"],
    ]);
    expect(read.splice(0)).toEqual([
      ...["0/usr/lib/package.json", "0/usr/lib/gone.json"],
      ...["1/usr/lib/package.json", "1/usr/lib/through.json"],
    ]);
    expect(await scan()).toEqual(first);
    expect(read).toEqual(["1/usr/lib/through.json"]);
  });
});

describe("a scan", () => {
  it("may leave a file unread, and ends with what its handler throws", async () => {
    const made = await opened(`oci:${layoutOf(gzip).write()}`);
    const { files } = await made.scan({ match: "**", file: ({ size }) => size });
    expect(files.map(({ path, result }) => [path.toString(), result])).toEqual([
      ["/etc/motd", 6],
      ["/etc/motd.again", 6],
      ["/usr/lib/package.json", 6],
      ["/usr/lib/through.json", 17],
    ]);
    const fails = made.scan({
      match: "etc/*",
      file: () => {
        throw new TypeError("of the handler");
      },
    });
    await expect(fails).rejects.toThrow(new TypeError("of the handler"));
  });

  it("keeps nothing of a layer that proves damaged", async () => {
    const damaged = {
      ...image,
      stored: (tar: Buffer) => Buffer.from(tar.toString("latin1").replace("second", "sEcond"), "latin1"),
    };
    const made = await opened(`docker-archive:${fileOf(dockerArchive([damaged]))}`);
    const remembered: string[] = [];
    const scan = made.scan({ match: "**", file: () => 1, remember: ({ diffID }) => void remembered.push(diffID) });
    await expect(scan).rejects.toMatchObject({ code: "DIGEST_MISMATCH" });
    expect(remembered).toEqual([diffIDs[0]]);
  });
});

describe("a union of any layers", () => {
  it("joins those of images, of archives and of directories", async () => {
    const base = await opened(`oci:${layoutOf(gzip).write()}`);
    const plain = scratchDirectory();
    writeFileSync(join(plain, "own"), "mine");
    const directory = await opened(`dir:${plain}`);
    const patch = gzipSync(layerTar([{ name: "etc/.wh..wh..opq" }, { name: "etc/new", data: "patched" }]));
    const archive = tarLayer(async function* () {
      yield patch;
    });
    const view = await union([...base.layers, archive, ...directory.layers]);
    expect(shown(view).filter((path) => /own|etc/.test(path))).toEqual(["/etc", "/etc/new", "/own"]);
    expect((await view.readFile("/etc/new")).toString()).toBe("patched");
    expect((await view.readFile("/own")).toString()).toBe("mine");
  });

  it("tells of what it hides", async () => {
    const base = await opened(`oci:${layoutOf(gzip).write()}`);
    const hidden: string[] = [];
    await union(base.layers, { onHidden: ({ path, how, by }) => hidden.push(`${path} ${how} by ${by}`) });
    expect(hidden).toEqual(["usr/lib/gone.json deleted by 1", "usr/lib/package.json replaced by 1"]);
  });
});

describe("a data root that dockerd runs on", () => {
  requires(dockerd());

  it("is looked into meanwhile", { timeout: 60_000 }, async () => {
    const held = scratchDirectory();
    const engine = await openEngine({ root: held, driver: "overlay2" });
    await engine.load({ file: fileOf(dockerArchive([image])) });
    // While it is open it keeps dockerd out.
    await engine[Symbol.asyncDispose]();
    await using daemon = await startDockerd(held, "overlay2");
    const made = await opened(`docker-root:${held}:app:1`);
    const view = await made.view();
    expect((await view.readFile("/lib/package.json")).toString()).toBe("second");
    expect(daemon.docker("images", "-q", "--no-trunc")).toBe(made.id);
  });
});

describe("openImage", () => {
  it("reads a data root without changing a byte of it", async () => {
    const before = snapshot(root);
    const made = await opened(`docker-root:${root}:app:1`);
    const view = await made.view();
    for (const { kind, path } of view.walk()) if (kind === "file") await view.readFile(path);
    expect(snapshot(root)).toEqual(before);
  });

  it.each([
    ["docker-root:", "USAGE"],
    ["docker-root:/proc/self/nothing", "NOT_FOUND"],
    ["oci:/proc/self/nothing", "NOT_FOUND"],
    ["dir:", "USAGE"],
  ])("of %s fails with %s", async (source, code) => {
    await expect(openImage(source)).rejects.toMatchObject({ code });
  });

  it("asks which image of a data root is meant", async () => {
    const engine = await testEngine("overlay2");
    await engine.load({ file: fileOf(dockerArchive([image, { tags: ["other:2"], layers: [layerTar([])] }])) });
    await expect(openImage(`docker-root:${engine.root}`)).rejects.toMatchObject({
      code: "AMBIGUOUS",
      hint: expect.stringContaining(":other:2"),
    });
    await expect(openImage(`docker-root:${root}:none`)).rejects.toMatchObject({ code: "NOT_FOUND" });
  });

  it("tells of its progress, and stops when it is cancelled", async () => {
    const controller = new AbortController();
    const events: ProgressEvent[] = [];
    const onProgress = (event: ProgressEvent): unknown => events.push(event);
    const made = await opened(`oci:${layoutOf(gzip).write()}`, { onProgress, signal: controller.signal });
    await made.view();
    const told = (type: "layer-start" | "layer-done"): string[] =>
      events.flatMap((event) => (event.type === type ? [event.layer] : []));
    expect(told("layer-start")).toEqual(diffIDs);
    // Layers are read at the same time.
    expect(told("layer-done").sort()).toEqual([...diffIDs].sort());
    controller.abort();
    await expect(made.scan({ match: "**", file: () => 1 })).rejects.toMatchObject({ code: "CANCELLED" });
  });
});
