import { spawnSync } from "node:child_process";
import {
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { gunzipSync, gzipSync } from "node:zlib";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { isLayerfsError, openEngine, openImage } from "../../src/index.ts";
import { makeFileSystem, overlay, type TestFileSystem } from "../support/filesystems.ts";
import { dockerArchive, type TestImage } from "../support/image-builder.ts";
import { startNode } from "../support/layerfs-process.ts";
import { requires } from "../support/requires.ts";
import { layerTar } from "../support/tar-builder.ts";

const SECRET = "what nobody may see";
const image: TestImage = {
  tags: ["app:1"],
  layers: [
    layerTar([
      { name: "dir/", type: "directory" },
      { name: "dir/file", data: "lower" },
    ]),
    layerTar([
      { name: "dir/other", data: "upper" },
      { name: "top", data: "content" },
    ]),
  ],
};

/** A data root with one image, whose paths are named relative to it: `RECORD` and `LAYER` are those of the upper layer. */
interface Site {
  readonly root: string;
  /** Where nothing may be read; it holds a file `secret`. */
  readonly outside: string;
  path(name: string): string;
}

interface Attack {
  readonly what: string;
  readonly act: (site: Site) => void;
  /** What some command says of it. */
  readonly says: RegExp;
}

const SYMLINK = /is a symlink, or leads through one/;
const RECORDS = ["cache-id", "diff", "parent", "size", "tar-split.json.gz"].map((name) => `RECORD/${name}`);
const FILES = ["DB/repositories.json", "CONFIG", ...RECORDS, "LAYER/link", "LAYER/lower"];
const DIRECTORIES = [
  "image",
  "DB",
  "DB/imagedb/content/sha256",
  "DB/layerdb/sha256",
  "RECORD",
  "HOME",
  "LAYER",
  "LAYER/diff",
];

/** The real thing lies outside, so that whoever follows the link finds all in order. */
const moved = (name: string): Attack => ({
  what: `${name} elsewhere, and a symlink in its place`,
  act: ({ outside, path }) => {
    renameSync(path(name), join(outside, "moved"));
    symlinkSync(join(outside, "moved"), path(name));
  },
  says: SYMLINK,
});

const replaced = (name: string, what: string, replace: (path: string, site: Site) => void, says: RegExp): Attack => ({
  what: `${name}: ${what}`,
  act: (site) => {
    rmSync(site.path(name), { recursive: true });
    replace(site.path(name), site);
  },
  says,
});

const text = (name: string, content: string, says: RegExp): Attack =>
  replaced(name, JSON.stringify(content), (path) => writeFileSync(path, content), says);

const inTarSplit = (what: string, change: (lines: string) => string, says: RegExp): Attack => ({
  what: `tar-split ${what}`,
  act: ({ path }) => {
    const file = path("RECORD/tar-split.json.gz");
    writeFileSync(file, gzipSync(change(gunzipSync(readFileSync(file)).toString())));
  },
  says,
});

const ATTACKS: readonly Attack[] = [
  ...[...FILES, ...DIRECTORIES].map(moved),
  ...FILES.map((name) => replaced(name, "a pipe that nobody writes to", (path) => mknod(path, "p"), /is no file/)),
  ...["CONFIG", "RECORD/tar-split.json.gz"].map((name) =>
    replaced(name, "a device that never ends", (path) => mknod(path, "c", "1", "5"), /is no file/),
  ),
  ...["DB/repositories.json", "CONFIG", "RECORD/size"].map((name) => ({
    what: `${name}: of 4 GiB`,
    act: ({ path }: Site) => truncateSync(path(name), 2 ** 32),
    says: /has 4294967296 bytes, expected at most 16777216/,
  })),
  text("RECORD/cache-id", "../../outside", /cache-id is damaged: it holds "..\/..\/outside"/),
  text("RECORD/cache-id", "..", /cache-id is damaged: it holds ".."/),
  text("RECORD/parent", "sha256:../../../outside", /parent is damaged/),
  text("LAYER/link", "../../../outside", /link: expected the name of a link/),
  text("LAYER/lower", "l/../../outside", /lower: expected l\/NAME/),
  text("DB/repositories.json", "[".repeat(1 << 20), /repositories.json is damaged/),
  {
    what: "a short name that leads out",
    act: ({ path, outside }) => {
      for (const name of readdirSync(path("HOME/l"))) {
        rmSync(path(`HOME/l/${name}`));
        symlinkSync(outside, path(`HOME/l/${name}`));
      }
    },
    says: /expected ..\/ID\/diff, found ".*outside"/,
  },
  replaced(
    "LAYER/diff/top",
    "a symlink that leads out",
    (path, { outside }) => symlinkSync(join(outside, "secret"), path),
    /file top of the layer is missing/,
  ),
  replaced(
    "LAYER/diff/top",
    "a symlink that climbs out",
    (path) => symlinkSync("../../../../outside/secret", path),
    /file top of the layer is missing/,
  ),
  replaced(
    "LAYER/diff/dir",
    "a symlink that leads out",
    (path, { outside }) => symlinkSync(outside, path),
    /file dir\/other of the layer is missing/,
  ),
  replaced(
    "LAYER/diff/top",
    "a pipe that nobody writes to",
    (path) => mknod(path, "p"),
    /file top of the layer is a fifo/,
  ),
  replaced(
    "LAYER/diff/top",
    "a device that never ends",
    (path) => mknod(path, "c", "1", "5"),
    /file top of the layer is a char/,
  ),
  replaced("LAYER/diff/top", "a directory", (path) => mkdirSync(path), /file top of the layer is a directory/),
  {
    what: "LAYER/diff/top: of 4 GiB",
    act: ({ path }) => truncateSync(path("LAYER/diff/top"), 2 ** 32),
    says: /size|more bytes/,
  },
  inTarSplit(
    "that names a file outside",
    (lines) => lines.replaceAll('"top"', '"../../../../outside/secret"'),
    /outside\/secret of the layer is missing/,
  ),
  inTarSplit("that is no JSON", () => "{", /record 0 is not JSON/),
  inTarSplit("that is cut", (lines) => lines.slice(0, lines.length >> 1), /tar-split|ends/),
  inTarSplit(
    "with sizes that no file has",
    (lines) => lines.replaceAll(/"size":\d+/g, '"size":9007199254740991'),
    /size|bytes/,
  ),
  replaced(
    "RECORD/tar-split.json.gz",
    "no gzip",
    (path) => writeFileSync(path, "x".repeat(1000)),
    /tar-split.json.gz is damaged/,
  ),
];

const missing = requires(overlay());
let place: TestFileSystem;
let template: string;
let right: readonly string[];
beforeAll(async () => {
  if (missing !== null) return;
  place = makeFileSystem("tmpfs");
  template = join(place.directory, "template");
  const file = join(place.directory, "image.tar");
  writeFileSync(file, dockerArchive([image]));
  const engine = await openEngine({ root: template, driver: "overlay2" });
  await engine.load({ file });
  await engine[Symbol.asyncDispose]();
  right = await look(await makeSite());
});
afterAll(() => place?.[Symbol.dispose]());

describe("a data root that somebody has prepared", () => {
  it("is read where nothing is wrong with it", async () => {
    const site = await makeSite();
    const watched = watch(site);
    expect((await look(site)).filter((answer) => answer.startsWith("fails"))).toEqual([]);
    expect(readOf(watched)).toEqual([]);
    expect(readFileSync(join(site.outside, "secret"), "utf8")).toBe(SECRET);
    expect(readOf(watched)).toEqual([join(site.outside, "secret")]);
  });

  it.each(ATTACKS)("makes nobody read anything outside of it: $what", async ({ act, says }) => {
    const site = await makeSite();
    act(site);
    const watched = watch(site);
    const answers = await look(site);
    expect(readOf(watched)).toEqual([]);
    const failures = answers.filter((answer, index) => answer !== right[index]);
    expect(failures.filter((answer) => !answer.startsWith("fails: "))).toEqual([]);
    expect(failures.join("\n")).toMatch(says);
    expect(answers.join("\n")).not.toContain(SECRET);
  });

  it("whose files change into symlinks while they are read shows what they were, or nothing", async () => {
    const site = await makeSite();
    const [file, link] = [site.path("LAYER/diff/top"), site.path("LAYER/diff/link")];
    symlinkSync(join(site.outside, "secret"), link);
    const change = startNode(["-e", SWAPPING, file, link]);
    const watched = watch(site);
    const answers = new Set<string>();
    await using opened = await openImage(`docker-root:${site.root}`, { cacheDirectory: null });
    const view = await opened.view();
    for (let reading = 0; reading < 3000; reading++)
      answers.add(await answerOf(async () => (await view.readFile("/top")).toString()));
    change.process.kill("SIGKILL");
    await change.ended;
    expect([...answers].sort()).toEqual(['"content"', "fails: CORRUPT_STORE: file top of the layer is missing"]);
    expect(readOf(watched)).toEqual([]);
  });
});

/** Lets the two names change places, again and again. */
const SWAPPING = `
  const { renameSync } = require("node:fs");
  const [file, link] = process.argv.slice(1);
  for (;;) {
    renameSync(file, file + ".away");
    renameSync(link, file);
    renameSync(file, link);
    renameSync(file + ".away", file);
  }`;

async function makeSite(): Promise<Site> {
  const directory = mkdtempSync(join(place.directory, "site-"));
  const [root, outside] = [join(directory, "root"), join(directory, "outside")];
  expect(spawnSync("cp", ["-a", template, root]).status).toBe(0);
  mkdirSync(outside);
  writeFileSync(join(outside, "secret"), SECRET);
  const layer = await upperLayer(root);
  const db = join(root, "image/overlay2");
  const names = new Map([
    ["DB", db],
    ["CONFIG", join(db, "imagedb/content/sha256", layer.image)],
    ["RECORD", join(db, "layerdb/sha256", layer.chain)],
    ["HOME", join(root, "overlay2")],
    ["LAYER", join(root, "overlay2", layer.cacheID)],
  ]);
  const path = (name: string): string => {
    const [first = "", ...rest] = name.split("/");
    return join(names.get(first) ?? join(root, first), ...rest);
  };
  return { root, outside, path };
}

async function upperLayer(root: string): Promise<{ image: string; chain: string; cacheID: string }> {
  await using engine = await openEngine({ root });
  const { id, layers } = await engine.explain("app:1");
  const { chainID = "", cacheID = "" } = layers.at(-1) ?? {};
  return { image: id.slice("sha256:".length), chain: chainID.slice("sha256:".length), cacheID: cacheID ?? "" };
}

/** What each way of reading answers. */
async function look({ root }: Site): Promise<string[]> {
  await using engine = await openEngine({ root, cacheDirectory: null });
  const source = `docker-root:${root}:app:1`;
  const options = { cacheDirectory: null };
  return [
    // A damaged image is left out of the list.
    await answerOf(async () => (await engine.images()).length || Promise.reject(new Error("it is not listed"))),
    await answerOf(() => engine.inspect("app:1").then(({ Id, RootFS }) => [Id, RootFS])),
    await answerOf(() => engine.history("app:1")),
    await answerOf(async () => {
      const { problems } = await engine.explain(source);
      if (problems.length > 0) throw new Error(problems.join("\n"));
    }),
    await answerOf(() => engine.list(source, "/", { recursive: true }).then((nodes) => nodes.map(({ path }) => path))),
    await answerOf(() => bytesOf(engine.readFile(source, "/top"))),
    await answerOf(() => bytesOf(engine.export(source))),
    await answerOf(() => bytesOf(engine.copyTar(source, "/dir", {}))),
    await answerOf(async () => {
      await using opened = await openImage(source, options);
      return await opened.scan({ match: "**", file: async (_, content) => bytesOf(content) });
    }),
    await answerOf(async () => {
      await using opened = await openImage(`docker-root:${root}`, options);
      return (await opened.provenance("/top")).steps.length;
    }),
    await answerOf(() => engine.waste(source).then(({ hiddenBytes }) => hiddenBytes)),
    await answerOf(async () => {
      const { findings } = await engine.check([]);
      if (findings.length > 0) throw new Error(findings.map(({ what, path }) => `${path ?? ""} ${what}`).join("\n"));
    }),
    await answerOf(async () => void (await engine.unpack(source, mkdtempSync(join(place.directory, "unpacked-"))))),
  ];
}

async function answerOf(act: () => Promise<unknown>): Promise<string> {
  try {
    return JSON.stringify(await act()) ?? "nothing";
  } catch (error) {
    if (isLayerfsError(error)) return `fails: ${error.code}: ${error.message}`;
    return `fails: ${error instanceof Error ? error.message : error}`;
  }
}

async function bytesOf(chunks: AsyncIterable<Uint8Array> | Promise<AsyncIterable<Uint8Array>>): Promise<string> {
  const found: Uint8Array[] = [];
  for await (const chunk of await chunks) found.push(Buffer.from(chunk));
  return Buffer.concat(found).toString("latin1");
}

const LONG_AGO = 1_000_000_000;

/** Gives all that lies outside a time of reading that the next reading changes, and returns what that is. */
function watch({ outside }: Site): string[] {
  const paths = nodesIn(outside).filter((path) => !lstatSync(path).isSymbolicLink());
  for (const path of paths) utimesSync(path, LONG_AGO, LONG_AGO + 1);
  return paths;
}

function readOf(paths: readonly string[]): string[] {
  return paths.filter((path) => lstatSync(path).atimeMs !== LONG_AGO * 1000);
}

function nodesIn(directory: string): string[] {
  return [
    directory,
    ...readdirSync(directory, { recursive: true, encoding: "utf8" }).map((name) => join(directory, name)),
  ];
}

function mknod(path: string, ...words: readonly string[]): void {
  expect(spawnSync("mknod", [path, ...words]).status).toBe(0);
}
