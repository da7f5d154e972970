import { execFileSync } from "node:child_process";
import {
  chmodSync,
  createReadStream,
  existsSync,
  lutimesSync,
  mkdirSync,
  readFileSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { gzipSync, zstdCompressSync } from "node:zlib";
import { describe, expect, it, onTestFinished } from "vitest";
import { type Engine, openEngine } from "../../src/index.ts";
import { collect } from "../support/apply.ts";
import { describeTree } from "../support/describe-tree.ts";
import { overlay } from "../support/filesystems.ts";
import { buildConfig, dockerArchive, type TestImage } from "../support/image-builder.ts";
import { blobPath, named, OciLayout } from "../support/oci-builder.ts";
import { requires } from "../support/requires.ts";
import { scanStore } from "../support/scan-store.ts";
import { scratchDirectory } from "../support/scratch.ts";
import { testEngine } from "../support/stores.ts";
import { layerTar } from "../support/tar-builder.ts";

requires(overlay());

const image: TestImage = {
  tags: ["app:1"],
  layers: [
    layerTar([
      { name: "etc/", type: "directory" },
      { name: "etc/motd", data: "lowest" },
      { name: "etc/gone", data: "x" },
      { name: "link", type: "symlink", link: "/etc/motd" },
    ]),
    layerTar([
      { name: "etc/.wh.gone" },
      { name: "etc/motd", data: "highest" },
      { name: "etc/hard", type: "hardlink", link: "etc/motd" },
    ]),
  ],
};
const gzip = { ...image, stored: (tar: Buffer) => gzipSync(tar) };
const zstd = { ...image, stored: (tar: Buffer) => zstdCompressSync(tar) };

function layoutOf(stored: TestImage, name = "docker.io/library/app:1"): OciLayout {
  const layout = new OciLayout();
  return layout.entries(layout.image(stored, { descriptor: named(name) }));
}

function fileOf(bytes: Buffer): string {
  const file = join(scratchDirectory(), "archive.tar");
  writeFileSync(file, bytes);
  return file;
}

const SOURCES: [string, () => string][] = [
  ["an OCI layout", () => `oci:${layoutOf(gzip).write()}`],
  ["an OCI layout by the image's name", () => `oci:${layoutOf(zstd).write()}:docker.io/library/app:1`],
  ["an OCI archive", () => `oci-archive:${fileOf(layoutOf(zstd).tar())}`],
  ["a compressed OCI archive", () => `oci-archive:${fileOf(gzipSync(layoutOf(image).tar()))}`],
  ["a docker-archive", () => `docker-archive:${fileOf(dockerArchive([image]))}`],
  ["a docker-archive by the image's name", () => `docker-archive:${fileOf(dockerArchive([image]))}:app:1`],
];

/** An engine whose root does not exist; nothing that is done with it may make it. */
async function storelessEngine(): Promise<Engine> {
  const root = join(scratchDirectory(), "no-root");
  const engine = await openEngine({ root, cacheDirectory: null });
  onTestFinished(async () => {
    await engine[Symbol.asyncDispose]();
    expect(existsSync(root)).toBe(false);
  });
  return engine;
}

describe.each(SOURCES)("%s", (_, makeSource) => {
  it("loads", async () => {
    const engine = await testEngine("overlay2");
    const loaded = await engine.load({ source: makeSource() });
    expect(loaded).toEqual([{ id: buildConfig(image).id, names: ["app:1"], renamed: [] }]);
    expect(scanStore(engine.root, "overlay2")).toEqual([]);
  });

  it("is unpacked, listed and read without a store", async () => {
    const source = makeSource();
    const [engine, directory] = [await storelessEngine(), join(scratchDirectory(), "tree")];
    await engine.unpack(source, directory);
    expect(Object.keys(describeTree(directory)).sort()).toEqual(["etc", "etc/hard", "etc/motd", "link"]);
    expect(readFileSync(join(directory, "etc/hard"), "utf8")).toBe("highest");
    const listed = await engine.list(source, "/", { recursive: true });
    expect(listed.map(({ path, layer }) => [path.toString(), layer])).toEqual([
      ["/etc", 0],
      ["/etc/hard", 1],
      ["/etc/motd", 1],
      ["/link", 0],
    ]);
    for (const path of ["/link", "/etc/hard"]) {
      expect((await collect(await engine.readFile(source, path))).toString()).toBe("highest");
    }
  });

  it("is inspected as the same image of the store is, and has its history", async () => {
    const source = makeSource();
    const [storeless, engine] = [await storelessEngine(), await testEngine("overlay2")];
    await engine.load({ source });
    const { RepoDigests, ...inspection } = await storeless.inspect(source);
    expect({ ...inspection, RepoDigests: [] }).toEqual({
      ...(await engine.inspect("app:1")),
      GraphDriver: { Data: null, Name: "" },
    });
    expect(inspection.Size).toBe(14);
    expect(RepoDigests).toEqual(
      source.startsWith("docker-archive:") ? [] : [expect.stringMatching(/^app@sha256:[0-9a-f]{64}$/)],
    );
    expect(await storeless.history(source)).toEqual(await engine.history("app:1"));
  });

  it.each<[string, (engine: Engine, source: string) => Promise<unknown>]>([
    ["mounted", (engine, source) => engine.mount({ image: source })],
    ["tagged", (engine, source) => engine.tag(source, "name")],
    ["removed", (engine, source) => engine.removeImage(source, { force: true })],
    ["saved", (engine, source) => engine.save([source], { file: join(scratchDirectory(), "saved.tar") })],
    ["pushed", (engine, source) => engine.push(source)],
  ])("cannot be %s, and says to load it first", async (what, use) => {
    const source = makeSource();
    await expect(use(await storelessEngine(), source)).rejects.toMatchObject({
      code: "UNSUPPORTED",
      message: `${source}: only an image of the store can be ${what}`,
      hint: `load it first: layerfs load ${source}`,
    });
  });
});

describe("load of an archive", () => {
  it.each([
    ["file", (file: string) => ({ file })],
    ["stream", (file: string) => ({ stream: createReadStream(file) })],
  ])("tells an OCI layout from a docker-archive, as a %s", async (_, input) => {
    const engine = await testEngine("overlay2");
    const [loaded] = await engine.load(input(fileOf(layoutOf(gzip).tar())));
    expect(loaded).toMatchObject({ id: buildConfig(image).id, names: ["app:1"] });
  });

  it("reads what is both, as Docker writes since version 25, as a docker-archive", async () => {
    const layout = layoutOf(image, "docker.io/library/oci:1");
    const config = blobPath({ mediaType: "", digest: buildConfig(image).id, size: 0 });
    const Layers = buildConfig(image).diffIDs.map((digest) => blobPath({ mediaType: "", digest, size: 0 }));
    const manifest = [{ Config: config, RepoTags: ["docker:1"], Layers }];
    layout.files.set("manifest.json", Buffer.from(JSON.stringify(manifest)));
    const engine = await testEngine("overlay2");
    const file = fileOf(layout.tar());
    expect((await engine.load({ file }))[0]?.names).toEqual(["docker:1"]);
    expect((await engine.load({ source: `oci-archive:${file}` }))[0]?.names).toEqual(["oci:1"]);
  });

  it("loads the image of the platform that is asked for", async () => {
    const arm64 = { ...image, config: { architecture: "arm64" } };
    const engine = await testEngine("overlay2");
    const file = fileOf(dockerArchive([image, { ...arm64, tags: ["arm:1"] }]));
    expect(await engine.load({ file }, { platform: "arm64" })).toMatchObject([{ id: buildConfig(arm64).id }]);
    await expect(engine.load({ file }, { platform: "linux/s390x" })).rejects.toMatchObject({
      code: "NOT_FOUND",
      message: expect.stringContaining("only for linux/amd64, linux/arm64"),
    });
  });
});

describe("a source", () => {
  it("of several images must be named more exactly", async () => {
    const file = fileOf(dockerArchive([image, { ...image, tags: ["app:2"], config: { os: "linux", author: "b" } }]));
    const engine = await storelessEngine();
    await expect(engine.list(`docker-archive:${file}`, "/")).rejects.toMatchObject({
      code: "AMBIGUOUS",
      hint: "add its name or its place: :app:1, :app:2",
    });
    expect(await engine.list(`docker-archive:${file}:app:2`, "/link")).toHaveLength(1);
    expect(await engine.list(`docker-archive:${file}:@1`, "/link")).toHaveLength(1);
  });

  it.each(["load", "list", "readFile", "unpack"] as const)(
    "with a changed layer is found out by %s",
    async (method) => {
      const layout = new OciLayout();
      const tar = image.layers[0] ?? Buffer.alloc(0);
      layout.entries(layout.image(image));
      const changed = Buffer.from(tar.toString("latin1").replace("lowest", "LOWEST"), "latin1");
      layout.files.set(`blobs/${buildConfig(image).diffIDs[0]?.replace(":", "/")}`, changed);
      const source = `oci:${layout.write()}`;
      const engine = method === "load" ? await testEngine("overlay2") : await storelessEngine();
      const run = {
        load: () => engine.load({ source }),
        list: () => engine.list(source, "/"),
        readFile: () => engine.readFile(source, "/etc/motd"),
        unpack: () => engine.unpack(source, join(scratchDirectory(), "tree")),
      }[method];
      await expect(run()).rejects.toMatchObject({ code: "DIGEST_MISMATCH" });
    },
  );

  it("gives the file that wins where a layer has two of one name, and one that is linked from aufs's own", async () => {
    const layers = [
      layerTar([
        { name: "twice", data: "first" },
        { name: "0", data: "the entry's number is its name" },
        { name: "twice", data: "second" },
        { name: ".wh..wh.plnk/1.2", data: "linked" },
        { name: "aufs", type: "hardlink", link: ".wh..wh.plnk/1.2" },
      ]),
    ];
    const source = `docker-archive:${fileOf(dockerArchive([{ tags: [], layers }]))}`;
    const engine = await storelessEngine();
    const read = async (path: string): Promise<string> =>
      (await collect(await engine.readFile(source, path))).toString();
    expect(await read("twice")).toBe("second");
    expect(await read("0")).toBe("the entry's number is its name");
    expect(await read("aufs")).toBe("linked");
  });

  it("gives a sparse file with its holes", async () => {
    const directory = scratchDirectory();
    execFileSync("truncate", ["-s", "300K", join(directory, "sparse")]);
    writeFileSync(join(directory, "sparse"), "end", { flag: "a" });
    const tar = execFileSync("tar", ["-C", directory, "--sparse", "-c", "sparse"]);
    expect(tar.length).toBeLessThan(100_000);
    const source = `docker-archive:${fileOf(dockerArchive([{ tags: [], layers: [tar] }]))}`;
    const content = await collect(await (await storelessEngine()).readFile(source, "sparse"));
    expect(content).toEqual(readFileSync(join(directory, "sparse")));
  });

  it("with a platform must be one, not an image of the store", async () => {
    const engine = await storelessEngine();
    await expect(engine.list("nginx", "/", { platform: "arm64" })).rejects.toMatchObject({ code: "USAGE" });
    const loading = (await testEngine("overlay2")).load({ source: "images.tar" });
    await expect(loading).rejects.toMatchObject({
      code: "USAGE",
      hint: expect.stringContaining("-i"),
    });
  });
});

describe("a plain directory", () => {
  const fill = (directory: string): string => {
    mkdirSync(join(directory, "etc"));
    writeFileSync(join(directory, "etc/motd"), "plain");
    symlinkSync("etc/motd", join(directory, "link"));
    chmodSync(join(directory, "etc"), 0o750);
    chmodSync(directory, 0o711);
    lutimesSync(join(directory, "link"), 1_600_000_000, 1_600_000_000);
    for (const path of ["etc/motd", "etc", ""]) utimesSync(join(directory, path), 1_600_000_000, 1_600_000_000);
    return directory;
  };

  it("is one layer, the same wherever the directory lies", async () => {
    const engine = await testEngine("overlay2");
    const [first] = await engine.load({ source: `dir:${fill(scratchDirectory())}` });
    const [second] = await engine.load({ source: `dir:${fill(scratchDirectory())}` });
    expect(first).toMatchObject({ names: [] });
    expect(second?.id).toBe(first?.id);
    expect((await engine.explain(first?.id ?? "")).layers).toHaveLength(1);
    expect(scanStore(engine.root, "overlay2")).toEqual([]);
  });

  it("comes out as it went in, its own mode and time too", async () => {
    const [before, after] = [fill(scratchDirectory()), join(scratchDirectory(), "after")];
    const engine = await storelessEngine();
    await engine.unpack(`dir:${before}`, after);
    expect(execFileSync("stat", ["-c", "%a %Y", after]).toString()).toBe("711 1600000000\n");
    expect(describeTree(after)).toEqual(describeTree(before));
    expect((await collect(await engine.readFile(`dir:${before}`, "link"))).toString()).toBe("plain");
  });
});
