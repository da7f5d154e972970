import { spawnSync } from "node:child_process";
import { mkdirSync, readdirSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it, onTestFinished, vi } from "vitest";
import { isLayerfsError, openEngine } from "../../src/index.ts";
import { BASE, EDGE_CASES } from "../corpus/edge-layers.ts";
import { collect } from "../support/apply.ts";
import { dumpTree } from "../support/dump-tree.ts";
import { extractTar } from "../support/extract.ts";
import { dockerArchive, sha256 } from "../support/image-builder.ts";
import { randomBytesOf } from "../support/random.ts";
import { program, requires, root } from "../support/requires.ts";
import { sampleImages } from "../support/sample-images.ts";
import { scratchDirectory } from "../support/scratch.ts";
import { archiveOf, imageOf, layoutOf, reader } from "../support/sources.ts";
import type { TestEntry } from "../support/tar-builder.ts";
import { readTreeLines } from "../support/tree-lines.ts";

describe("what export writes", () => {
  requires(root(), program("tar"));

  it.each(sampleImages(1))(
    "is the tree of image $name for GNU tar, the same bytes from every place",
    async (sample) => {
      const engine = await reader();
      const tar = await collect(engine.export(archiveOf(sample.image)));
      expect(readTreeLines(extractTar(tar))).toEqual(sample.tree);
      expect(sha256(await collect(engine.export(layoutOf(sample.image))))).toBe(sha256(tar));
      const store = await openEngine({ root: join(scratchDirectory(), "root"), driver: "vfs" });
      onTestFinished(() => store[Symbol.asyncDispose]());
      const [loaded] = await store.load({ source: layoutOf(sample.image) });
      expect(sha256(await collect(store.export(loaded!.id)))).toBe(sha256(tar));
    },
  );

  it("has whole times, attributes, odd names, devices and linked names", async () => {
    const name = Buffer.from("dir/\xff\n", "latin1");
    const image = imageOf(
      [
        { name: "dir/", type: "directory", mtime: "1700000000.123456789", mode: 0o1755 },
        { name, data: "x", mtime: "-1.5", xattrs: { "user.bytes": Buffer.from([0, 1, 0xff]) }, uid: 3_000_000 },
        { name: "null", type: "char", device: [1, 3] },
        { name: "pipe", type: "fifo" },
      ],
      [{ name: `${"long/".repeat(30)}file`, data: "y" }],
    );
    const tree = extractTar(await collect((await reader()).export(archiveOf(image))));
    const rows = new Map(dumpTree(tree).map((row) => [row.path, row]));
    expect(rows.get("dir")).toMatchObject({ mode: 0o1755, mtime: 1_700_000_000_123_456_789n });
    expect(rows.get("dir/\xff\n")).toMatchObject({ size: 1, uid: 3_000_000, mtime: -1_500_000_000n });
    expect(rows.get("null")).toMatchObject({ type: "char", device: "1:3" });
    expect(rows.get("pipe")).toMatchObject({ type: "fifo" });
    expect(rows.get(`${"long/".repeat(30)}file`)).toMatchObject({ size: 1 });
  });
});

describe("every odd layer of the corpus that can be loaded", () => {
  it("is exported the same from an archive and from a store", { timeout: 120_000 }, async () => {
    const store = await openEngine({ root: join(scratchDirectory(), "root"), driver: "vfs" });
    onTestFinished(() => store[Symbol.asyncDispose]());
    const engine = await reader();
    let compared = 0;
    for (const { layers } of EDGE_CASES) {
      const source = archiveOf({ tags: [], layers: [BASE, ...layers] });
      const loaded = await store.load({ source }).catch((error: unknown) => {
        if (isLayerfsError(error)) return [];
        throw error;
      });
      for (const { id } of loaded) {
        expect(sha256(await collect(store.export(id)))).toBe(sha256(await collect(engine.export(source))));
        compared++;
      }
    }
    expect(compared).toBeGreaterThan(25);
  });
});

describe("a layer whose files lie in another order than the tree's", () => {
  const files = ["a/1", "a/2", "b", "c/d/e"].map((name) => ({ name, data: randomBytesOf(name, 100_000) }));
  const hole = { name: "zeros", data: Buffer.alloc(300_000) };

  it("is exported as one in order, and leaves nothing in the directory for temporary files", async () => {
    const temporary = scratchDirectory();
    const inOrder = archiveOf(imageOf([...files, hole]));
    const reversed = archiveOf(imageOf([...files, hole].reverse()));
    vi.stubEnv("TMPDIR", temporary);
    onTestFinished(() => void vi.unstubAllEnvs());
    const engine = await reader();
    const expected = sha256(await collect(engine.export(inOrder)));
    expect(sha256(await collect(engine.export(reversed)))).toBe(expected);
    expect(readdirSync(temporary)).toEqual([]);
  });

  it("is read so from more layers than are open at a time", async () => {
    const layers = Array.from({ length: 15 }, (_, layer) =>
      [3, 1, 2].map((n) => ({ name: `${n}/${layer}`, data: randomBytesOf(`${n} ${layer}`, 50_000) })),
    );
    const engine = await reader();
    const expected = sha256(await collect(engine.export(archiveOf(imageOf(layers.flat())))));
    expect(sha256(await collect(engine.export(layoutOf(imageOf(...layers)))))).toBe(expected);
  });
});

describe("cp", () => {
  const image = imageOf([
    { name: "etc/", type: "directory", mode: 0o755, mtime: 1000 },
    { name: "etc/motd", data: "hello\n", mode: 0o640, mtime: 2000 },
    { name: "etc/link", type: "symlink", link: "/etc/motd" },
    { name: "etc/twin", type: "hardlink", link: "etc/motd", mode: 0o640, mtime: 2000 },
    { name: "etc/closed/", type: "directory", mode: 0o500 },
    { name: "etc/closed/in", data: "in" },
    { name: "up", type: "symlink", link: "../../../etc" },
    { name: "loop", type: "symlink", link: "loop" },
  ]);

  async function copy(path: string, destination: string, make: (here: string) => void = () => {}, options = {}) {
    const here = scratchDirectory();
    make(here);
    const engine = await reader();
    await engine.copyOut(
      archiveOf(image),
      path,
      join(here, destination) + (destination.endsWith("/") ? "/" : ""),
      options,
    );
    return readTreeLines(here);
  }

  const motd = "file 640 f572d396fae9206628714fb2ce00f72e94f2258f";
  const etc = (into: string): Record<string, unknown> =>
    Object.fromEntries(
      [
        ["", "directory 755"],
        ["/closed", "directory 500"],
        ["/closed/in", expect.stringContaining("file 644")],
        ["/link", "symlink /etc/motd"],
        ["/motd", expect.stringContaining(motd)],
        ["/twin", expect.stringContaining(motd)],
      ].map(([path, line]) => [`${into}${path}`, line]),
    );

  it.each<[string, string, string, (here: string) => void, Record<string, unknown>]>([
    ["a file to a new name", "/etc/motd", "new", () => {}, { new: motd }],
    ["a file over a file", "/etc/motd", "old", (here) => writeFileSync(join(here, "old"), "x"), { old: motd }],
    [
      "a file into a directory",
      "/etc/motd",
      "d",
      (here) => mkdirSync(join(here, "d"), 0o755),
      {
        d: "directory 755",
        "d/motd": motd,
      },
    ],
    ["a directory to a new name", "/etc", "new", () => {}, etc("new")],
    [
      "a directory into one",
      "/etc/",
      "d",
      (here) => mkdirSync(join(here, "d"), 0o755),
      {
        d: "directory 755",
        ...etc("d/etc"),
      },
    ],
    [
      "the content of a directory",
      "/etc/.",
      "d",
      (here) => mkdirSync(join(here, "d"), 0o755),
      {
        ...etc("d"),
      },
    ],
    ["a symlink as it is", "/etc/link", "new", () => {}, { new: "symlink /etc/motd" }],
    ["through a symlink that would leave the image", "/up/motd", "new", () => {}, { new: motd }],
  ])("copies %s", async (_, path, destination, make, expected) => {
    expect(await copy(path, destination, make)).toEqual(expected);
  });

  it("follows a symlink with followLink, inside the image", async () => {
    expect(await copy("/etc/link", "new", () => {}, { followLink: true })).toEqual({ new: motd });
  });

  it.each<[string, string, string, (here: string) => void, string]>([
    ["what is not there", "/none", "new", () => {}, "NOT_FOUND"],
    ["a file with a slash", "/etc/motd/", "new", () => {}, "NOT_FOUND"],
    ["a symlink loop, followed", "/loop/x", "new", () => {}, "NOT_FOUND"],
    ["a file to an absent directory", "/etc/motd", "new/", () => {}, "NOT_FOUND"],
    ["into an absent directory", "/etc", "no/new", () => {}, "NOT_FOUND"],
    ["a directory over a file", "/etc", "old", (here) => writeFileSync(join(here, "old"), "x"), "CONFLICT"],
    ["a file over a directory", "/etc/motd", ".", (here) => mkdirSync(join(here, "motd")), "CONFLICT"],
    [
      "a directory over a symlink to one, below the destination",
      "/etc/.",
      "d",
      (here) => {
        mkdirSync(join(here, "d"));
        symlinkSync("/tmp", join(here, "d/closed"));
      },
      "CONFLICT",
    ],
  ])("refuses %s", async (_, path, destination, make, code) => {
    await expect(copy(path, destination, make)).rejects.toMatchObject({ code });
  });

  it("writes a tar with the name that was asked for", async () => {
    const engine = await reader();
    const names = async (path: string): Promise<string> =>
      spawnSync("tar", ["-t"], { input: await collect(engine.copyTar(archiveOf(image), path)) }).stdout.toString();
    expect(await names("/etc/closed")).toBe("closed/\nclosed/in\n");
    expect(await names("/etc/closed/.")).toBe("./\nin\n");
    expect(await names("/etc/motd")).toBe("motd\n");
  });
});

describe("bad input", () => {
  it("of an archive that is cut leaves no exported file", async () => {
    const directory = scratchDirectory();
    const whole = dockerArchive([imageOf([{ name: "a", data: randomBytesOf("a", 300_000) }])]);
    const at = whole.indexOf(randomBytesOf("a", 100));
    const file = join(directory, "cut.tar");
    writeFileSync(file, Buffer.concat([whole.subarray(0, at), randomBytesOf("b", 1000), whole.subarray(at + 1000)]));
    const engine = await reader();
    await expect(engine.exportToFile(`docker-archive:${file}`, join(directory, "out.tar"))).rejects.toMatchObject({
      code: "DIGEST_MISMATCH",
    });
    writeFileSync(file, whole.subarray(0, at + 1000));
    await expect(engine.exportToFile(`docker-archive:${file}`, join(directory, "out.tar"))).rejects.toThrow();
    await expect(engine.copyOut(`docker-archive:${file}`, "/a", join(directory, "a"))).rejects.toThrow();
    expect(readdirSync(directory)).toEqual(["cut.tar"]);
  });

  it("of 100,000 names in a directory, and of 2,000 directories in one another, gets the right answer", {
    timeout: 120_000,
  }, async () => {
    const many = Array.from({ length: 100_000 }, (_, n): TestEntry => ({ name: `many/${n}` }));
    const engine = await reader();
    const wide = archiveOf(imageOf(many, [{ name: "many/.wh.7" }]));
    expect(await engine.find(wide, "/many", { kinds: ["file"] })).toHaveLength(99_999);
    const changes = await engine.listChanges(wide, "/many", { layer: 1, changedOnly: true, deleted: true });
    expect(changes.map(({ path, change }) => `${change} ${path}`)).toEqual(["null /many", "deleted /many/7"]);
    const deep = archiveOf(imageOf([{ name: `${"d/".repeat(2000)}f`, data: "deep" }]));
    expect(await engine.find(deep, "/", { kinds: ["file"] })).toMatchObject([{ size: 4 }]);
    expect(await engine.listChanges(deep, "/")).toHaveLength(2002);
    expect((await engine.waste(deep)).efficiency).toBe(1);
    expect((await collect(engine.export(deep))).includes("deep")).toBe(true);
    expect((await engine.compare(deep, deep)).files).toEqual([]);
  });
});
