import { isUtf8 } from "node:buffer";
import { spawn } from "node:child_process";
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { gzipSync, zstdCompressSync } from "node:zlib";
import { describe, expect, it, onTestFinished, vi } from "vitest";
import { type Engine, isLayerfsError, openEngine, openImage } from "../../src/index.ts";
import { collect } from "../support/apply.ts";
import { runCommand } from "../support/command-line.ts";
import { packParts, partsOf, replaced, smallImage } from "../support/damage.ts";
import { dockerArchive, type TestImage } from "../support/image-builder.ts";
import { OciLayout } from "../support/oci-builder.ts";
import { randomOf } from "../support/random.ts";
import { scratchDirectory } from "../support/scratch.ts";
import { archiveOf, imageOf, reader } from "../support/sources.ts";
import { testEngine } from "../support/stores.ts";
import { END_OF_ARCHIVE, encodeEntry, header, layerTar, padded, paxRecord } from "../support/tar-builder.ts";
import { checkout } from "../support/tree.ts";

/** All that reads a whole image. */
const VERBS: Readonly<Record<string, (engine: Engine, source: string, into: string) => Promise<unknown>>> = {
  list: (engine, source) => engine.list(source, "/", { recursive: true }),
  listChanges: (engine, source) => engine.listChanges(source, "/"),
  find: (engine, source) => engine.find(source, "/", {}),
  waste: (engine, source) => engine.waste(source),
  compare: (engine, source) => engine.compare(source, source),
  export: (engine, source, into) => engine.exportToFile(source, join(into, "exported")),
  copyOut: (engine, source, into) => engine.copyOut(source, "/", join(into, "copy")),
};

/** How each verb fails; "" where it does not. Nothing is left of any of them. */
async function failures(source: string): Promise<string[]> {
  const [into, temporary] = [scratchDirectory(), scratchDirectory()];
  vi.stubEnv("TMPDIR", temporary);
  onTestFinished(() => void vi.unstubAllEnvs());
  const engine = await reader();
  const found: string[] = [];
  for (const [verb, run] of Object.entries(VERBS)) {
    const error: unknown = await run(engine, source, into).then(
      () => null,
      (failure: unknown) => failure,
    );
    if (error !== null && !isLayerfsError(error)) throw new Error(`${verb}: ${error}`, { cause: error });
    found.push(error === null ? "" : `${error.code} ${error.message}`);
    if (error !== null) expect(readdirSync(into), verb).toEqual([]);
  }
  expect(readdirSync(temporary)).toEqual([]);
  return found;
}

async function expectRefused(source: string, words: RegExp): Promise<void> {
  expect(await failures(source)).toEqual(Object.keys(VERBS).map(() => expect.stringMatching(words)));
}

describe("an image that is cut in the middle is refused by all that read it", () => {
  const image = smallImage("cut:1", "cut");
  const random = randomOf("cut images");
  const offsets = (bytes: Buffer): number[] => [
    ...[1, 600, bytes.length - 1100, bytes.length - 9],
    ...Array.from({ length: 4 }, () => Math.floor(random.fraction() * (bytes.length - 1100))),
  ];
  const layout = (stored: Buffer): string => {
    const files = new OciLayout();
    const cut = { ...image, stored: (layer: Buffer, index: number) => (index === 1 ? stored : layer) };
    return `oci:${files.entries(files.image(cut)).write()}`;
  };
  const inArchive = (stored: Buffer): string => {
    const parts = partsOf(image);
    return archiveFile(packParts({ ...parts, layers: replaced(parts.layers, 1, stored) }));
  };
  const archive = dockerArchive([image]);
  const layer = image.layers[1]!;
  const FAULT = /^(INVALID_TAR|INVALID_ARCHIVE|INVALID_COMPRESSION|DIGEST_MISMATCH) /;

  it.each<[string, Buffer, (cut: Buffer) => string]>([
    ["an archive", archive.subarray(0, archive.lastIndexOf("]") + 1), archiveFile],
    ["a gzip archive", gzipSync(archive), archiveFile],
    ["a zstd archive", zstdCompressSync(archive), archiveFile],
    ["a layer of an archive", layer, inArchive],
    ["a gzip layer of an archive", gzipSync(layer), inArchive],
    ["a layer of a layout", layer, layout],
    ["a gzip layer of a layout", gzipSync(layer), layout],
    ["a zstd layer of a layout", zstdCompressSync(layer), layout],
  ])("%s", async (_, whole, source) => {
    for (const offset of offsets(whole)) await expectRefused(source(whole.subarray(0, offset)), FAULT);
  });
});

describe("a layer that lies about sizes or holds impossible names is refused, and named", () => {
  const records = (fields: Readonly<Record<string, string>>, name = "f"): Buffer => {
    const pax = Buffer.concat(Object.entries(fields).map(([key, value]) => paxRecord(key, value)));
    return Buffer.concat([header({ name: "x", typeflag: "x" }, pax.length), padded(pax), encodeEntry({ name })]);
  };
  const sparse = (size: string): Buffer =>
    records({ "GNU.sparse.major": "0", "GNU.sparse.minor": "1", "GNU.sparse.size": size, "GNU.sparse.map": "" });
  const longSymlink = encodeEntry({ name: "l", type: "symlink", link: "t".repeat(5000) });

  it.each<[string, Buffer, RegExp]>([
    ["more bytes than there are", header({ name: "big" }, 8 ** 11 - 1), /^INVALID_TAR .*ends in the middle/],
    ["more bytes than there can be", records({ size: "9223372036854775808" }), /^INVALID_TAR .*size is no number/],
    ["less than no bytes", records({ size: "-5" }), /^INVALID_TAR .*size is -5/],
    [
      "an extended header of gigabytes",
      header({ name: "x", typeflag: "x" }, 8 ** 11 - 1),
      /^LIMIT_EXCEEDED .*limit is/,
    ],
    ["a sparse file beyond all numbers", sparse("9223372036854775807"), /^INVALID_TAR .*sparse map is malformed/],
    ["a NUL in a name", records({ path: "a\0b" }), /^INVALID_TAR .*NUL in PAX record path/],
    ["a NUL in a target", records({ linkpath: "a\0b" }), /^INVALID_TAR .*NUL in PAX record linkpath/],
    ["a NUL in an attribute's name", records({ "SCHILY.xattr.user.a\0b": "x" }), /^INVALID_TAR .*NUL in PAX record/],
    ["a name of 256 bytes", encodeEntry({ name: "n".repeat(256) }), /^INVALID_LAYER .*256 bytes, at most 255/],
    [
      "4,000 directories in one another",
      encodeEntry({ name: `${"d/".repeat(4000)}f` }),
      /^INVALID_LAYER .*at most 4095/,
    ],
    ["a target of 5,000 bytes", longSymlink, /^INVALID_LAYER .*the target has 5000 bytes, at most 4095/],
  ])("%s", async (_, bytes, words) => {
    const source = archiveOf({ tags: [], layers: [layerTar([]), Buffer.concat([bytes, END_OF_ARCHIVE])] });
    await expectRefused(source, words);
    await expectRefused(source, /^\w+ layer (2|sha256:[0-9a-f]{64}): /);
    const store = await testEngine("vfs");
    await expect(store.load({ source })).rejects.toMatchObject({
      message: expect.stringMatching(words.source.replace(/^\^\w+ /, "")),
    });
  });

  it("4,000 directories in one another, in halves that a symlink joins, in the store too", {
    timeout: 120_000,
  }, async () => {
    const half = "d/".repeat(2000);
    const image = imageOf([
      { name: half, type: "directory" },
      { name: "s", type: "symlink", link: half },
      { name: `s/${half}f`, data: "deep" },
    ]);
    const words = /the path has \d+ bytes, at most 4095 are possible/;
    await expectRefused(archiveOf(image), words);
    for (const driver of ["vfs", "overlay2"] as const) {
      const store = await testEngine(driver);
      await expect(store.load({ source: archiveOf(image) })).rejects.toMatchObject({ code: "INVALID_LAYER" });
    }
  });
});

describe("symlinks that lead in circles or out of the image", () => {
  const image = imageOf([
    { name: "a", type: "symlink", link: "b" },
    { name: "b", type: "symlink", link: "./a" },
    { name: "self", type: "symlink", link: "self/self" },
    { name: "up", type: "symlink", link: "../../../../etc/passwd" },
    { name: "absolute", type: "symlink", link: "/etc/passwd" },
    { name: "etc/passwd", data: "of the image" },
    { name: "../../etc/shadow", data: "of the image" },
    { name: "dir/back", type: "symlink", link: "../dir" },
  ]);

  it("are listed as they are, and followed inside the image alone", async () => {
    expect(await failures(archiveOf(image))).toEqual(Object.keys(VERBS).map(() => ""));
    const engine = await reader();
    const read = async (path: string): Promise<string> =>
      (await collect(await engine.readFile(archiveOf(image), path))).toString();
    for (const path of ["/up", "/absolute", "/etc/shadow", "/dir/back/back/../etc/passwd", "/../../etc/passwd"]) {
      expect(await read(path), path).toBe("of the image");
    }
    for (const path of ["/a", "/b/x", "/self"]) {
      await expect(read(path), path).rejects.toMatchObject({ code: "NOT_FOUND", errno: "ELOOP" });
    }
  });

  it("are no way for an entry of a layer", async () => {
    const through = imageOf([
      { name: "a", type: "symlink", link: "b" },
      { name: "b", type: "symlink", link: "a" },
      { name: "a/f", data: "x" },
    ]);
    await expectRefused(archiveOf(through), /^INVALID_LAYER layer 1: \/a: too many levels of symbolic links/);
  });
});

describe("names and texts that would command a terminal", () => {
  const name = Buffer.from("\xff\n\x1b[31m\xe2\x80\xae", "latin1");
  const bytes = Buffer.concat([Buffer.from("dir/"), name]);
  const other = Buffer.concat([bytes, Buffer.from("2")]);
  const whiteout = Buffer.concat([Buffer.from("dir/.wh."), name]);
  const texts = {
    config: { Env: ["A=\x1b[31m\n"], Labels: { "\x1b[2J": "\u202e" } },
    history: [{ created_by: "RUN \x1b[31m\r" }, { created_by: "\u009b31m" }],
  };
  const image = {
    ...imageOf(
      [
        { name: bytes, data: "x".repeat(50) },
        { name: other, data: "x".repeat(50) },
        { name: "link", type: "symlink", link: "\x1b[31m\n" },
      ],
      [{ name: other, data: "y".repeat(50) }, { name: "dir/copy", data: "y".repeat(50) }, { name: whiteout }],
    ),
    ...texts,
  };
  const run = (words: readonly string[]) =>
    runCommand(words, {
      openEngine: (options) => openEngine({ ...options, root: "/proc/no-root", cacheDirectory: null }),
    });

  it.each([
    ...[
      ["ls", "-R"],
      ["ls", "-lR"],
      ["ls", "-R", "--deleted"],
      ["ls", "-R", "--layer", "1"],
      ["ls", "-R", "--layer", "2"],
    ],
    ...[["tree"], ["tree", "--deleted"], ["find"], ["waste", "--all"], ["history"], ["inspect"], ["explain"]],
    ...[["stat"], ["compare"]],
  ])("are escaped in what %s prints", async (...words) => {
    const source = archiveOf(image);
    const more = words[0] === "compare" ? [archiveOf(imageOf([]))] : words[0] === "stat" ? ["/link"] : [];
    const { status, stdoutBytes, stderr } = await run([...words, source, ...more]);
    expect(stderr).toBe("");
    expect(status).toBe(0);
    expect(isUtf8(stdoutBytes)).toBe(true);
    expect(stdoutBytes.toString()).not.toMatch(/[^\P{C}\n]/u);
    expect(stdoutBytes.length).toBeGreaterThan(10);
  });

  it("are exact in JSON, and as bytes", async () => {
    const engine = await reader();
    const source = archiveOf(image);
    const base64 = Buffer.concat([Buffer.from("/"), other]).toString("base64");
    for (const words of [["ls", "-R"], ["find"], ["tree"], ["waste"], ["compare", archiveOf(imageOf([]))]]) {
      const { stdout } = await run([...words, source, "--format", "json"]);
      expect(stdout.replaceAll(/\s/g, ""), words.join(" ")).toContain(JSON.stringify({ base64 }));
    }
    const made = await openImage(source, { cacheDirectory: null });
    onTestFinished(() => made[Symbol.asyncDispose]());
    const view = await made.view();
    expect((await view.readFile(other)).toString()).toBe("y".repeat(50));
    const names = (await engine.list(source, "/dir")).map((node) => node.name.toString("latin1"));
    expect(names).toEqual(["copy", `${name.toString("latin1")}2`]);
  });
});

describe("a path that one layer holds twice", () => {
  const image = imageOf([
    { name: "f", data: "first" },
    { name: "f", data: "second" },
  ]);

  it("shows the last one, and every look into the image says so", async () => {
    const told: string[] = [];
    const engine = await openEngine({
      root: "/proc/no-root",
      cacheDirectory: scratchDirectory(),
      onDuplicates: (duplicates) => told.push(duplicates.map(({ layer, path }) => `${layer} ${path}`).join()),
    });
    onTestFinished(() => engine[Symbol.asyncDispose]());
    const source = archiveOf(image);
    expect((await collect(await engine.readFile(source, "/f"))).toString()).toBe("second");
    expect(told.splice(0)).toEqual(["0 f"]);
    for (const [verb, run] of Object.entries(VERBS)) {
      await run(engine, source, scratchDirectory());
      expect(new Set(told.splice(0)), verb).toEqual(new Set(["0 f"]));
    }
  });
});

describe("a sparse file of four petabytes, which takes no bytes", () => {
  const SIZE = 2 ** 52;
  const hole = (name: string): Buffer => {
    const fields = { "GNU.sparse.major": "1", "GNU.sparse.minor": "0", "GNU.sparse.name": name };
    const pax = Object.entries({ ...fields, "GNU.sparse.realsize": String(SIZE) }).map(([key, value]) =>
      paxRecord(key, value),
    );
    const records = Buffer.concat(pax);
    const map = Buffer.from("0\n");
    return Buffer.concat([
      header({ name: "x", typeflag: "x" }, records.length),
      padded(records),
      encodeEntry({ name, data: padded(map) }),
    ]);
  };
  const image: TestImage = { tags: [], layers: [Buffer.concat([hole("two"), hole("one"), END_OF_ARCHIVE])] };

  it("is listed, read in part, and never held in memory", async () => {
    const made = await openImage(archiveOf(image), { cacheDirectory: null });
    onTestFinished(() => made[Symbol.asyncDispose]());
    const view = await made.view();
    expect(view.stat("/one").size).toBe(SIZE);
    const part = await view.createReadStream("/one", { start: 10, end: 19 }).toArray();
    expect(Buffer.concat(part).equals(Buffer.alloc(10))).toBe(true);
    await expect(view.readFile("/one")).rejects.toMatchObject({ code: "LIMIT_EXCEEDED" });
  });

  // The layer has its files in another order than the tree: what is exported or copied waits in a temporary file.
  it.each([
    ["waste", (source: string) => ["waste", source]],
    ["cat", (source: string) => ["cat", source, "/one"]],
    ["cp", (source: string, into: string) => ["cp", `${source}:/`, join(into, "copy")]],
    ["export", (source: string, into: string) => ["export", source, "-o", join(into, "exported")]],
  ] as const)("does not keep %s from being interrupted, which leaves nothing", async (_, words) => {
    const [into, cache, temporary] = [scratchDirectory(), scratchDirectory(), scratchDirectory()];
    const child = spawn(process.execPath, [join(checkout, "src/cli/main.ts"), ...words(archiveOf(image), into)], {
      stdio: "ignore",
      env: { ...process.env, XDG_CACHE_HOME: cache, TMPDIR: temporary },
    });
    const ended = new Promise((resolve) => child.on("close", resolve));
    onTestFinished(() => void child.kill("SIGKILL"));
    while (!existsSync(join(cache, "layerfs")) && child.exitCode === null) await sleep(5);
    // The layer is known by now: the hole is what keeps the process busy from here on.
    const busy = ticksOf(child.pid!) + 50;
    while (child.exitCode === null && ticksOf(child.pid!) < busy) await sleep(5);
    child.kill("SIGINT");
    expect(await ended).toBe(130);
    expect([...readdirSync(into), ...readdirSync(temporary)]).toEqual([]);
  });
});

/** Ticks of the processor that a process has used in user mode; proc(5), field 14 of stat. */
function ticksOf(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, "utf8")
    .replace(/^.*\) /, "")
    .split(" ");
  return Number(fields[11]);
}

function archiveFile(bytes: Buffer): string {
  const file = join(scratchDirectory(), "cut.tar");
  writeFileSync(file, bytes);
  return `docker-archive:${file}`;
}
