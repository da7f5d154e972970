import { spawnSync } from "node:child_process";
import { appendFileSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { BASE, EDGE_CASES } from "../corpus/edge-layers.ts";
import { machineRoot, overlay } from "../support/filesystems.ts";
import { buildConfig, type TestImage } from "../support/image-builder.ts";
import { requires } from "../support/requires.ts";
import { archivedImages, layoutImages } from "../support/saved-archive.ts";
import { empty, expectedOf, filledEngine, IMAGES, NAMES, nameless, one, saved, two } from "../support/saved-images.ts";
import { scratchDirectory } from "../support/scratch.ts";
import { testEngine } from "../support/stores.ts";

const loadable = EDGE_CASES.filter(({ expected }) => "tree" in expected);
const edges: TestImage[] = loadable.map(({ name, layers }) => ({ tags: [`${name}:1`], layers: [BASE, ...layers] }));

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

  it("tells of what an image was built on, where that is saved too", async () => {
    const engine = await filledEngine();
    const [child, parent] = [buildConfig(two).id, buildConfig(nameless).id];
    const directory = join(engine.root, "image/vfs/imagedb/metadata/sha256", child.slice("sha256:".length));
    mkdirSync(directory, { recursive: true });
    writeFileSync(join(directory, "parent"), parent);
    const parents = (file: string): unknown[] =>
      JSON.parse(spawnSync("tar", ["-xOf", file, "manifest.json"], { encoding: "utf8" }).stdout).map(
        ({ Parent }: { Parent?: string }) => Parent,
      );
    expect(parents(await saved(engine, ["two", parent]))).toEqual([parent, undefined]);
    expect(parents(await saved(engine, ["two"]))).toEqual([undefined]);
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
