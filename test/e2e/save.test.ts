import { spawnSync } from "node:child_process";
import {
  appendFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import type { Engine } from "../../src/engine/engine.ts";
import type { SaveOptions } from "../../src/engine/save.ts";
import { BASE, EDGE_CASES } from "../corpus/edge-layers.ts";
import { containerd, startContainerd } from "../support/containerd.ts";
import { dockerd, startDockerd } from "../support/dockerd.ts";
import { machineRoot, overlay } from "../support/filesystems.ts";
import { buildConfig, type TestImage } from "../support/image-builder.ts";
import { program, requires } from "../support/requires.ts";
import { archivedImages, layoutImages } from "../support/saved-archive.ts";
import { scratchDirectory } from "../support/scratch.ts";
import { loadImages, testEngine } from "../support/stores.ts";
import { layerTar } from "../support/tar-builder.ts";

const shared = layerTar([
  { name: "etc/", type: "directory" },
  { name: "etc/motd", data: "hello\n".repeat(300) },
]);
const one: TestImage = { tags: ["lab/one:1", "lab/one:2"], layers: [shared, layerTar([{ name: "one", data: "1" }])] };
const two: TestImage = { tags: ["two:latest"], layers: [shared, layerTar([{ name: "etc/.wh.motd" }])] };
const nameless: TestImage = { tags: [], layers: [shared], config: { created: "2020-02-02T02:02:02.5Z" } };
const empty: TestImage = { tags: ["empty:1"], layers: [] };
const IMAGES = [one, two, nameless, empty];
const NAMES = ["lab/one", "two", buildConfig(nameless).id, "empty:1"];

const loadable = EDGE_CASES.filter(({ expected }) => "tree" in expected);
const edges: TestImage[] = loadable.map(({ name, layers }) => ({ tags: [`${name}:1`], layers: [BASE, ...layers] }));

function expectedOf(image: TestImage, names: readonly string[] = image.tags): object {
  const { id, diffIDs } = buildConfig(image);
  return { id, names, layers: [...diffIDs] };
}

async function saved(engine: Engine, names: readonly string[], options: SaveOptions = {}): Promise<string> {
  const file = join(scratchDirectory(), "saved.tar");
  await engine.save(names, { file }, options);
  return file;
}

async function filledEngine(driver: "overlay2" | "vfs" = "vfs", images = IMAGES): Promise<Engine> {
  const engine = await testEngine(driver);
  await loadImages(engine, images);
  return engine;
}

describe.each(["overlay2", "vfs"] as const)("save, with %s,", (driver) => {
  requires(machineRoot(), driver === "overlay2" ? overlay() : null);

  it("gives back each layer and each config byte for byte", async () => {
    const engine = await filledEngine(driver);
    expect(archivedImages(await saved(engine, NAMES))).toEqual(IMAGES.map((image) => expectedOf(image)));
  });

  it("gives back odd layers byte for byte", { timeout: 60_000 }, async () => {
    expect(edges.length).toBeGreaterThan(20);
    const engine = await filledEngine(driver, edges);
    const file = await saved(
      engine,
      edges.flatMap(({ tags }) => tags),
    );
    expect(archivedImages(file)).toEqual(edges.map((image) => expectedOf(image)));
  });

  it("gives the same bytes each time", async () => {
    const [a, b] = [await filledEngine(driver), await filledEngine("vfs")];
    for (const options of [{}, { compression: "gzip" }, { compression: "zstd", as: "oci" }] as const) {
      const bytes = readFileSync(await saved(a, NAMES, options));
      expect(readFileSync(await saved(a, NAMES, options)).equals(bytes)).toBe(true);
      expect(readFileSync(await saved(b, NAMES, options)).equals(bytes)).toBe(true);
    }
  });

  it("finds a file that was changed on disk, names it, and leaves no archive", async () => {
    const engine = await filledEngine(driver);
    const { layers } = await engine.explain("lab/one:1");
    appendFileSync(join(layers[0]?.directory ?? "", "etc/motd"), "x");
    const directory = scratchDirectory();
    writeFileSync(join(directory, "old.tar"), "old");
    for (const compression of ["none", "gzip"] as const) {
      const failure = engine.save(["lab/one"], { file: join(directory, "old.tar") }, { compression });
      await expect(failure).rejects.toMatchObject({
        code: "DIGEST_MISMATCH",
        message: expect.stringMatching(new RegExp(`^layer ${layers[0]?.diffID}: file etc/motd of the layer: size`)),
      });
    }
    expect(readdirSync(directory)).toEqual(["old.tar"]);
    expect(readFileSync(join(directory, "old.tar"), "utf8")).toBe("old");
  });

  it("names the layer and the file that is gone from the disk", async () => {
    const engine = await filledEngine(driver);
    const { layers } = await engine.explain("lab/one:1");
    rmSync(join(layers[0]?.directory ?? "", "etc/motd"));
    await expect(saved(engine, ["lab/one"])).rejects.toThrow(new RegExp(`^layer ${layers[0]?.diffID}: .*etc/motd`));
  });
});

describe("what is saved", () => {
  it("is an image with the name that was given, all names of a repository, or none for an id", async () => {
    const engine = await filledEngine();
    const { id } = buildConfig(one);
    const saves = async (...words: string[]): Promise<(readonly string[])[]> =>
      archivedImages(await saved(engine, words)).map((image) => image.names);
    expect(await saves("lab/one:2")).toEqual([["lab/one:2"]]);
    expect(await saves("lab/one")).toEqual([["lab/one:1", "lab/one:2"]]);
    expect(await saves(id)).toEqual([[]]);
    expect(await saves(id.slice(7, 19))).toEqual([[]]);
    expect(await saves("two", "lab/one:2", id, "lab/one:1", "lab/one:2")).toEqual([
      ["two:latest"],
      ["lab/one:1", "lab/one:2"],
    ]);
  });

  it("holds a shared layer once", async () => {
    const file = await saved(await filledEngine(), NAMES);
    const { stdout } = spawnSync("tar", ["-tf", file], { encoding: "utf8" });
    const paths = stdout.trimEnd().split("\n");
    expect(new Set(paths).size).toBe(paths.length);
    // Three layers of content, four configs, four manifests.
    expect(paths.filter((path) => /^blobs\/sha256\/./.test(path))).toHaveLength(3 + 4 + 4);
    expect(paths.slice(-4)).toEqual(["index.json", "manifest.json", "oci-layout", "repositories"]);
  });

  it("is an OCI layout too, in Docker's form, with an entry for each tag", async () => {
    const engine = await filledEngine();
    const named = (names: string[]) => expectedOf(one, names);
    expect(layoutImages(await saved(engine, ["lab/one"]))).toEqual([
      named(["docker.io/lab/one:1", "1"]),
      named(["docker.io/lab/one:2", "2"]),
    ]);
  });

  it.each(["gzip", "zstd", "none"] as const)("may be packed with %s in either form", async (compression) => {
    const engine = await filledEngine();
    const images = IMAGES.map((image) => expectedOf(image, expect.anything()));
    expect(archivedImages(await saved(engine, NAMES, { compression }))).toEqual(images);
    const oci = await saved(engine, NAMES, { compression, as: "oci" });
    expect(layoutImages(oci).map(({ id }) => id)).toEqual(
      [one, one, two, nameless, empty].map((image) => buildConfig(image).id),
    );
    expect(spawnSync("tar", ["-tf", oci], { encoding: "utf8" }).stdout).not.toContain("manifest.json");
  });

  it("loads again as what it was", async () => {
    for (const options of [{}, { compression: "gzip" }, { compression: "zstd", as: "oci" }] as const) {
      const file = await saved(await filledEngine(), NAMES, options);
      const loaded = await (await testEngine("vfs")).load({ file });
      expect(loaded.map(({ id, names }) => ({ id, names }))).toEqual(
        IMAGES.map((image) => ({ id: buildConfig(image).id, names: image.tags })),
      );
    }
  });
});

describe("a save that cannot be", () => {
  it("fails as a whole where one image is missing, before a byte", async () => {
    const engine = await filledEngine();
    const directory = scratchDirectory();
    await expect(engine.save(["two", "nosuch"], { file: join(directory, "x.tar") })).rejects.toMatchObject({
      code: "NOT_FOUND",
      message: "No such image: nosuch:latest",
    });
    expect(readdirSync(directory)).toEqual([]);
  });

  it("makes no data root", async () => {
    const engine = await testEngine("vfs");
    await expect(engine.save(["nosuch"], { file: join(scratchDirectory(), "x.tar") })).rejects.toThrow("No such image");
    expect(existsSync(engine.root)).toBe(false);
  });

  it("is refused for an image of another platform", async () => {
    const engine = await filledEngine();
    await expect(saved(engine, ["two"], { platform: "linux/arm64" })).rejects.toMatchObject({
      code: "NOT_FOUND",
      message: "image two is for linux/amd64, it does not provide linux/arm64",
    });
    expect(archivedImages(await saved(engine, ["two"], { platform: "linux/amd64" }))).toHaveLength(1);
  });

  it.each([
    ["a directory", "dir", /invalid output path .*: it is a directory/],
    ["a device", "/dev/null", /invalid output path \/dev\/null: it is a device/],
    ["a file in a directory that is absent", "no/x.tar", /directory .*no does not exist/],
  ])("is refused for %s", async (_, path, words) => {
    const engine = await filledEngine();
    const directory = scratchDirectory();
    mkdirSync(join(directory, "dir"));
    const file = path.startsWith("/") ? path : join(directory, path);
    await expect(engine.save(["two"], { file })).rejects.toMatchObject({
      code: "USAGE",
      message: expect.stringMatching(words),
    });
    expect(readdirSync(directory)).toEqual(["dir"]);
  });

  it("leaves nothing where it is cancelled", async () => {
    const engine = await filledEngine();
    const directory = scratchDirectory();
    const controller = new AbortController();
    const onProgress = (): void => controller.abort();
    for (const target of [{ file: join(directory, "x.tar") }, { destination: `oci:${join(directory, "layout")}:1` }]) {
      await expect(engine.save(["two"], target, { signal: controller.signal, onProgress })).rejects.toMatchObject({
        code: "CANCELLED",
      });
    }
    expect(readdirSync(directory).filter((name) => name !== "layout")).toEqual([]);
    expect(existsSync(join(directory, "layout", "index.json"))).toBe(false);
  });
});

describe("an OCI layout", () => {
  it("keeps its other images, and what it does not know of them", async () => {
    const engine = await filledEngine();
    const directory = join(scratchDirectory(), "layout");
    await engine.save(["two"], { destination: `oci:${directory}:a` });
    const index = JSON.parse(readFileSync(join(directory, "index.json"), "utf8"));
    index.manifests[0].annotations.other = "kept";
    index.more = "kept";
    writeFileSync(join(directory, "index.json"), JSON.stringify(index));
    await engine.save(["lab/one:1"], { destination: `oci:${directory}:b` });
    expect(JSON.parse(readFileSync(join(directory, "index.json"), "utf8"))).toMatchObject({
      more: "kept",
      manifests: [{ annotations: { other: "kept" } }, { annotations: { "org.opencontainers.image.ref.name": "b" } }],
    });
    expect(layoutImages(directory).map(({ id }) => id)).toEqual([buildConfig(two).id, buildConfig(one).id]);
  });

  it("gives a tag that is there to the new image", async () => {
    const engine = await filledEngine();
    const directory = join(scratchDirectory(), "layout");
    for (const name of ["two", "lab/one:1"]) await engine.save([name], { destination: `oci:${directory}:a` });
    expect(layoutImages(directory)).toEqual([expectedOf(one, ["a"])]);
    for (let time = 0; time < 2; time++) await engine.save(NAMES, { destination: `oci:${directory}` });
    expect(layoutImages(directory)).toHaveLength(1 + 2 + 1 + 1 + 1);
  });

  it("is written by several at once", async () => {
    const engine = await filledEngine();
    const directory = join(scratchDirectory(), "layout");
    const tags = Array.from({ length: 8 }, (_, index) => `t${index}`);
    await Promise.all(
      tags.map((tag, index) =>
        engine.save([index % 2 === 0 ? "two" : "lab/one:1"], { destination: `oci:${directory}:${tag}` }),
      ),
    );
    const images = layoutImages(directory);
    expect(images.flatMap(({ names }) => names).sort()).toEqual(tags);
    expect(readdirSync(directory).sort()).toEqual(["blobs", "index.json", "oci-layout"]);
  });

  it("is not made of a directory that holds something else", async () => {
    const engine = await filledEngine();
    const directory = scratchDirectory();
    writeFileSync(join(directory, "file"), "");
    await expect(engine.save(["two"], { destination: `oci:${directory}:a` })).rejects.toMatchObject({
      code: "CONFLICT",
    });
    expect(readdirSync(directory)).toEqual(["file"]);
  });

  it("takes no two images under one tag", async () => {
    const engine = await filledEngine();
    const place = scratchDirectory();
    await expect(engine.save(NAMES, { destination: `oci-archive:${place}/a.tar:x` })).rejects.toMatchObject({
      code: "USAGE",
      message: "4 images cannot have one name",
    });
    expect(readdirSync(place)).toEqual([]);
  });
});

describe("a destination by its transport", () => {
  it("names the image anew", async () => {
    const engine = await filledEngine();
    const place = scratchDirectory();
    await engine.save(["two"], { destination: `docker-archive:${place}/d.tar:other/name` });
    expect(archivedImages(join(place, "d.tar"))).toEqual([expectedOf(two, ["other/name:latest"])]);
    await engine.save(["two"], { destination: `oci-archive:${place}/o.tar:v1` });
    expect(layoutImages(join(place, "o.tar"))).toEqual([expectedOf(two, ["v1"])]);
  });

  it("keeps a symlink to the file", async () => {
    const engine = await filledEngine();
    const place = scratchDirectory();
    writeFileSync(join(place, "real.tar"), "");
    symlinkSync("real.tar", join(place, "link.tar"));
    await engine.save(["two"], { file: join(place, "link.tar") });
    expect(archivedImages(join(place, "real.tar"))).toHaveLength(1);
    expect(readFileSync(join(place, "link.tar")).equals(readFileSync(join(place, "real.tar")))).toBe(true);
  });
});

describe("others read it:", () => {
  requires(machineRoot(), overlay());
  const ids = [one, two, nameless].map((image) => buildConfig(image).id).sort();
  const words = ["lab/one", "two", buildConfig(nameless).id];

  it("dockerd, packed with gzip or not; and what dockerd saves of it layerfs loads", async (context) => {
    const missing = dockerd();
    if (missing !== null) context.skip(missing);
    const engine = await filledEngine();
    for (const compression of ["none", "gzip"] as const) {
      const file = await saved(engine, words, { compression });
      const root = join(scratchDirectory(), "root");
      const back = join(scratchDirectory(), "back.tar");
      await using daemon = await startDockerd(root, "overlay2");
      daemon.docker("load", "-i", file);
      expect(lines(daemon.docker("images", "-q", "--no-trunc"))).toEqual(ids);
      daemon.docker("save", "-o", back, ...words);
      const again = await testEngine("overlay2");
      expect((await again.load({ file: back })).map(({ id }) => id as string).sort()).toEqual(ids);
      const layersOf = (file: string) => Object.fromEntries(archivedImages(file).map(({ id, layers }) => [id, layers]));
      expect(layersOf(await saved(again, words))).toEqual(layersOf(file));
    }
  });

  it("podman", async (context) => {
    const missing = program("podman");
    if (missing !== null) context.skip(missing);
    const engine = await filledEngine();
    for (const options of [{}, { compression: "gzip" }, { compression: "zstd" }] as const) {
      const place = scratchDirectory();
      const podman = (...argv: string[]): string =>
        run(
          "podman",
          "--root",
          `${place}/r`,
          "--runroot",
          `${place}/rr`,
          "--tmpdir",
          `${place}/t`,
          "--storage-driver",
          "vfs",
          ...argv,
        );
      podman("load", "-q", "-i", await saved(engine, words, options));
      expect(lines(podman("images", "-q", "--no-trunc", "--all"))).toEqual(ids);
    }
  });

  it("skopeo", async (context) => {
    const missing = program("skopeo");
    if (missing !== null) context.skip(missing);
    const engine = await filledEngine();
    const place = scratchDirectory();
    const { id } = buildConfig(two);
    await engine.save(["two"], { destination: `oci:${place}/layout:v1` });
    for (const compression of ["none", "gzip", "zstd"] as const) {
      const file = await saved(engine, ["two"], { compression });
      const oci = await saved(engine, ["two"], { compression, as: "oci" });
      for (const source of [
        `docker-archive:${file}`,
        `oci-archive:${file}`,
        `oci-archive:${oci}`,
        `oci:${place}/layout:v1`,
      ]) {
        const target = join(scratchDirectory(), "dir");
        run("skopeo", "copy", "-q", "--insecure-policy", source, `dir:${target}`);
        expect(JSON.parse(readFileSync(join(target, "manifest.json"), "utf8")).config.digest, source).toBe(id);
      }
    }
  });

  it("containerd", async (context) => {
    const missing = containerd();
    if (missing !== null) context.skip(missing);
    const engine = await filledEngine();
    for (const compression of ["none", "gzip", "zstd"] as const) {
      await using daemon = await startContainerd();
      const file = await saved(engine, words, { compression });
      daemon.ctr("images", "import", file);
      const names = lines(daemon.ctr("images", "ls", "-q"));
      expect(names).toEqual(
        expect.arrayContaining(["docker.io/lab/one:1", "docker.io/lab/one:2", "docker.io/library/two:latest"]),
      );
      const [, , digest = ""] =
        daemon.ctr("images", "ls", "name==docker.io/library/two:latest").split("\n").at(-1)?.split(/\s+/) ?? [];
      expect(JSON.parse(daemon.ctr("content", "get", digest)).config.digest).toBe(buildConfig(two).id);
    }
  });
});

function lines(text: string): string[] {
  return [...new Set(text.trim().split("\n"))].sort();
}

function run(name: string, ...words: readonly string[]): string {
  const { status, stdout, stderr } = spawnSync(name, words, { encoding: "utf8" });
  if (status !== 0) throw new Error(`${name} ${words.join(" ")}: ${stderr}`);
  return stdout;
}
