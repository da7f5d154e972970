import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Readable } from "node:stream";
import { gzipSync, zstdCompressSync } from "node:zlib";
import { describe, expect, it } from "vitest";
import { normaliseRunConfig } from "../../src/core/run-config.ts";
import type { Engine } from "../../src/index.ts";
import { GOOD_CHANGES } from "../corpus/config-changes.ts";
import { collect } from "../support/apply.ts";
import { startDockerDaemon } from "../support/docker-daemon.ts";
import { dockerd } from "../support/dockerd.ts";
import { sha256 } from "../support/image-builder.ts";
import { program, requires, root } from "../support/requires.ts";
import { scanStore } from "../support/scan-store.ts";
import { scratchDirectory } from "../support/scratch.ts";
import { testEngine } from "../support/stores.ts";
import { layerTar } from "../support/tar-builder.ts";

const WHOLE = layerTar([
  { name: "./", type: "directory", mode: 0o711 },
  { name: "./dir/", type: "directory", mode: 0o1777, mtime: "1700000000.123456789" },
  { name: "./dir/one", data: "linked" },
  { name: "./dir/two", type: "hardlink", link: "./dir/one" },
  { name: Buffer.from("./dir/\xff", "latin1"), data: "bytes", uid: 1234 },
  { name: "./escape", type: "symlink", link: "../../etc" },
]);

function fileOf(bytes: Buffer): { file: string } {
  const file = join(scratchDirectory(), "in.tar");
  writeFileSync(file, bytes);
  return { file };
}

function streamOf(bytes: Buffer): { stream: NodeJS.ReadableStream } {
  const pieces = Array.from({ length: Math.ceil(bytes.length / 777) }, (_, n) =>
    bytes.subarray(n * 777, n * 777 + 777),
  );
  return { stream: Readable.from(pieces) };
}

async function scan(engine: Engine, driver: "overlay2" | "vfs"): Promise<string[]> {
  expect((await engine.check([])).findings).toEqual([]);
  return scanStore(engine.root, driver);
}

describe("an imported tar", () => {
  it.each([
    ["a file", fileOf, WHOLE],
    ["a stream", streamOf, WHOLE],
    ["a gzipped file", fileOf, gzipSync(WHOLE)],
    ["a gzipped stream", streamOf, gzipSync(WHOLE)],
    ["a zstd stream", streamOf, zstdCompressSync(WHOLE)],
  ] as const)("becomes an image of one layer with the tar's digest: %s", async (_, input, bytes) => {
    const engine = await testEngine("vfs");
    const { id, name } = await engine.import(input(bytes), { reference: "mine", message: "why", platform: "arm64" });
    expect(name).toBe("mine:latest");
    expect(await engine.inspect("mine")).toMatchObject({
      Id: id,
      Comment: "why",
      Architecture: "arm64",
      Config: { Cmd: null },
      RootFS: { Layers: [`sha256:${sha256(WHOLE)}`] },
    });
    expect(await engine.history("mine")).toMatchObject([{ comment: "why", size: 11 }]);
    expect(await scan(engine, "vfs")).toEqual([]);
  });

  it("of an exported image gives the same tree again", async () => {
    const engine = await testEngine("vfs");
    await engine.import(fileOf(WHOLE), { reference: "a" });
    const exported = await collect(engine.export("a"));
    await engine.import(streamOf(exported), { reference: "b" });
    expect(sha256(await collect(engine.export("b")))).toBe(sha256(exported));
  });

  it("is one layer of the store however often it is imported, and takes a name from another image", async () => {
    const engine = await testEngine("vfs");
    await engine.import(fileOf(WHOLE), { reference: "a:1" });
    const { id } = await engine.import(fileOf(WHOLE), { reference: "a:1", changes: ["ENV a=b"] });
    expect((await engine.info()).layers).toBe(1);
    expect((await engine.inspect("a:1")).Id).toBe(id);
  });

  it.each<[string, Buffer, string]>([
    ["nothing", Buffer.alloc(0), "INVALID_ARCHIVE"],
    ["text", Buffer.from("hello\n"), "INVALID_TAR"],
    ["noise", Buffer.alloc(5000, "noise"), "INVALID_TAR"],
    ["a tar that is cut in a header", WHOLE.subarray(0, 700), "INVALID_TAR"],
    ["a tar that is cut in a file", WHOLE.subarray(0, WHOLE.indexOf("linked") + 3), "INVALID_TAR"],
    ["a gzip stream that is cut", gzipSync(WHOLE).subarray(0, 80), "INVALID_COMPRESSION"],
    ["noise in gzip", gzipSync(Buffer.from("x".repeat(2000))), "INVALID_TAR"],
    ["an xz stream", Buffer.from("fd377a585a000004e6d6b446", "hex"), "UNSUPPORTED"],
    ["a path twice", layerTar([{ name: "a" }, { name: "a" }]), "INVALID_LAYER"],
    ["a link to outside", layerTar([{ name: "a", type: "hardlink", link: "../../etc/passwd" }]), "INVALID_LAYER"],
  ])("is refused, and leaves nothing, where it is %s", async (_, bytes, code) => {
    const engine = await testEngine("vfs");
    for (const input of [fileOf(bytes), streamOf(bytes)]) {
      await expect(engine.import(input, { reference: "a" })).rejects.toMatchObject({ code });
    }
    expect(await engine.images()).toEqual([]);
    expect(await scan(engine, "vfs")).toEqual([]);
  });

  it.each<[string, object, string]>([
    ["a change that is none", { changes: ["RUN x"] }, "INVALID_CONFIG"],
    ["a name with a digest", { reference: `a@sha256:${"0".repeat(64)}` }, "INVALID_REFERENCE"],
    ["another system", { platform: "windows/amd64" }, "UNSUPPORTED"],
  ])("is not read where %s is asked for", async (_, options, code) => {
    const engine = await testEngine("vfs");
    const stream = Readable.from([Buffer.from("never read")]);
    await expect(engine.import({ stream }, options)).rejects.toMatchObject({ code });
    expect(stream.readableDidRead).toBe(false);
  });
});

describe("beside docker import", () => {
  requires(root(), program("unshare"), dockerd());

  it("makes the same image, and takes the same changes", { timeout: 180_000 }, async () => {
    const place = scratchDirectory();
    const daemon = await startDockerDaemon(place, "vfs");
    try {
      const engine = await testEngine("vfs");
      const input = fileOf(WHOLE);
      const configOf = (id: string): Record<string, unknown> =>
        JSON.parse(
          readFileSync(join(daemon.root, "image/vfs/imagedb/content/sha256", id.replace("sha256:", "")), "utf8"),
        );
      let compared = 0;
      for (const [changes, fields] of GOOD_CHANGES) {
        const words = changes.flatMap((change) => ["-c", change]);
        const { stdout, stderr } = daemon.docker("import", "-m", "why", ...words, input.file);
        expect(stderr).toBe("");
        const theirs = configOf(stdout.trim());
        expect(theirs.config).toEqual(normaliseRunConfig(fields));
        if (compared++ > 0) continue;
        const { id } = await engine.import(input, { changes, message: "why" });
        const ours = JSON.parse(
          readFileSync(join(engine.root, "image/vfs/imagedb/content/sha256", id.replace("sha256:", "")), "utf8"),
        );
        const { docker_version: _version, ...rest } = theirs;
        const expected = { ...rest, created: ours.created, history: ours.history };
        expect(JSON.stringify(ours)).toBe(JSON.stringify(expected));
      }
      expect(compared).toBeGreaterThan(50);
    } finally {
      await daemon.stop();
    }
  });
});
