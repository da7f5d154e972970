import { once } from "node:events";
import { mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { describe, expect, it, onTestFinished } from "vitest";
import { type Engine, isLayerfsError, openEngine } from "../../src/index.ts";
import { collect } from "../support/apply.ts";
import { fileSystem, makeFileSystem, overlay } from "../support/filesystems.ts";
import { startLayerfs, startNode } from "../support/layerfs-process.ts";
import { randomBytesOf, randomOf } from "../support/random.ts";
import { requires } from "../support/requires.ts";
import { scanStore } from "../support/scan-store.ts";
import { scratchDirectory } from "../support/scratch.ts";
import { expand, readArchive } from "../support/tar.ts";
import { layerTar, type TestEntry } from "../support/tar-builder.ts";
import { checkout } from "../support/tree.ts";

requires(overlay());

const TRIES = Number(process.env.LAYERFS_RACES ?? 100);
const KILLS = Number(process.env.LAYERFS_KILLS ?? 4);
const SEED = process.env.LAYERFS_SEED ?? String(Date.now());

async function withContainer(root: string, driver: "vfs" | "overlay2", entries: readonly TestEntry[]): Promise<Engine> {
  const engine = await openEngine({ root, driver, cacheDirectory: null });
  onTestFinished(() => engine[Symbol.asyncDispose]());
  const file = join(scratchDirectory(), "rootfs.tar");
  writeFileSync(file, layerTar(entries));
  await engine.import({ file }, { reference: "rt" });
  await engine.createContainer("rt", { name: "con", command: ["sh"] });
  return engine;
}

async function filesOf(engine: Engine): Promise<Map<string, Buffer>> {
  const { members } = readArchive(await collect(engine.export("con")));
  return new Map(members.map((member) => [member.entry.name.toString(), expand(member)]));
}

describe.each(["vfs", "overlay2"] as const)("a path that others swap while it is copied, with %s", (driver) => {
  it(`never leads outside of the container, in ${TRIES} tries of each way`, {
    timeout: 60_000 + TRIES * 60,
  }, async () => {
    const outside = scratchDirectory();
    writeFileSync(join(outside, "file"), "outside");
    mkdirSync(join(outside, "sub"));
    const root = join(scratchDirectory(), "root");
    const engine = await withContainer(root, driver, [
      { name: "way/", type: "directory" },
      { name: "way/file", data: "inside" },
      { name: "way/sub/", type: "directory" },
      { name: "link", type: "symlink", link: outside },
    ]);
    const tree = driver === "vfs" ? vfsTree(engine.root) : await engine.mount({ image: "con" });
    onTestFinished(async () => void (driver === "vfs" || (await engine.unmount({ target: tree }))));
    const flipper = startNode([join(checkout, "test/support/flip-names.ts"), tree, "way", "link"], "open");
    onTestFinished(() => void flipper.process.kill("SIGKILL"));
    await once(flipper.process.stdout!, "data");
    const source = scratchDirectory();
    writeFileSync(join(source, "file"), "copied");
    mkdirSync(join(source, "sub"));
    writeFileSync(join(source, "sub/new"), "new");
    const tar = layerTar([
      { name: "way/file", data: "copied" },
      { name: "way/sub/new", data: "new" },
    ]);
    const counts = { done: 0, refused: 0 };
    const attempt = async (copy: () => Promise<unknown>): Promise<void> => {
      try {
        await copy();
        counts.done++;
      } catch (error) {
        if (!isLayerfsError(error)) throw error;
        counts.refused++;
      }
    };
    for (let n = 0; n < TRIES; n++) {
      await attempt(() => engine.copyIn("con", `${source}/.`, "/way"));
      await attempt(() => engine.copyIn("con", join(source, "file"), "/way/file"));
      await attempt(() => engine.copyTarIn("con", chunks(tar), "/"));
      await attempt(async () => {
        const copied = await collect(engine.copyTar("con", "/way/file", { followLink: true }));
        expect(copied.includes("outside")).toBe(false);
      });
    }
    expect(counts.done).toBeGreaterThan(0);
    expect(readFileSync(join(outside, "file"), "utf8")).toBe("outside");
    expect(readdirSync(outside, { recursive: true }).sort()).toEqual(["file", "sub"]);
  });
});

/** Where the vfs driver keeps the tree of the one container. */
function vfsTree(root: string): string {
  const mounts = join(root, "image/vfs/layerdb/mounts");
  const [id = ""] = readdirSync(mounts);
  return join(root, "vfs/dir", readFileSync(join(mounts, id, "mount-id"), "utf8"));
}

async function* chunks(bytes: Buffer): AsyncGenerator<Buffer> {
  yield bytes;
}

describe.each(["vfs", "overlay2"] as const)("a copy into a container that is killed, with %s", (driver) => {
  it(`leaves each file old or new, and no other, after ${KILLS} kills (seed ${SEED})`, {
    timeout: 60_000 + KILLS * 4000,
  }, async () => {
    const random = randomOf(SEED);
    const names = Array.from({ length: 40 }, (_, n) => `data/${n}`);
    const contents = (version: number): Map<string, Buffer> =>
      new Map(names.map((name) => [name, randomBytesOf(`${name} ${version}`, 300_000)]));
    const root = join(scratchDirectory(), "root");
    const engine = await withContainer(root, driver, [
      { name: "data/", type: "directory" },
      ...[...contents(0)].map(([name, data]) => ({ name, data })),
    ]);
    const known = new Map([...contents(0)].map(([name, data]) => [name, [data]]));
    let cutShort = 0;
    // How long a whole copy takes is this machine's affair: one that ended before its kill is followed by an earlier one.
    let latest = 1200;
    for (let n = 1; cutShort < KILLS && n <= 10 * KILLS; n++) {
      const source = scratchDirectory();
      mkdirSync(join(source, "data"));
      for (const [name, data] of contents(n)) {
        writeFileSync(join(source, name), data);
        known.get(name)?.push(data);
      }
      const { process: child, ended } = startLayerfs(["--root", root, "cp", `${source}/data`, "con:/"]);
      await Promise.race([ended, sleep(random.fraction() * latest)]);
      child.kill("SIGKILL");
      if ((await ended).signal === "SIGKILL") cutShort++;
      else latest *= 0.8;
      const files = await filesOf(engine);
      expect([...files.keys()].filter((name) => name.startsWith("data/")).sort()).toEqual(["data/", ...names].sort());
      for (const name of names) {
        const versions = known.get(name) ?? [];
        const found = versions.findLast((data) => files.get(name)?.equals(data));
        expect([name, found === undefined]).toEqual([name, false]);
      }
    }
    expect(cutShort).toBe(KILLS);
    // What a killed command left of its look at the file system goes when the store is opened the next time.
    await using next = await openEngine({ root, driver });
    await next.removeContainer("con");
    await next.removeImage("rt");
    expect(scanStore(root, driver)).toEqual([]);
  });
});

describe("a disk that gets full while files are copied into a container", () => {
  requires(fileSystem("ext4"));

  it.each(["vfs", "overlay2"] as const)("is told, and every file is whole: %s", async (driver) => {
    using disk = makeFileSystem("ext4", { size: "64M" });
    const root = join(disk.directory, "root");
    await using engine = await withContainer(root, driver, [{ name: "kept", data: "old" }]);
    const source = scratchDirectory();
    mkdirSync(join(source, "d"));
    writeFileSync(join(source, "d/a"), "small");
    writeFileSync(join(source, "d/b"), randomBytesOf("b", 80_000_000));
    await expect(engine.copyIn("con", join(source, "d"), "/")).rejects.toMatchObject({ code: "NO_SPACE" });
    await expect(engine.copyIn("con", join(source, "d/b"), "/kept")).rejects.toMatchObject({ code: "NO_SPACE" });
    const files = await filesOf(engine);
    expect(files.get("kept")?.toString()).toBe("old");
    expect(files.get("d/a")?.toString()).toBe("small");
    expect([...files.keys()].filter((name) => /^(d\/b|.*layerfs.*)$/.test(name))).toEqual([]);
    writeFileSync(join(source, "d/b"), "small now");
    await engine.copyIn("con", join(source, "d"), "/");
    expect((await filesOf(engine)).get("d/b")?.toString()).toBe("small now");
    await engine[Symbol.asyncDispose]();
  });
});

describe("what cannot be copied into a container", () => {
  it("changes nothing: a tar that is none, one that leaves the destination, a link to what is outside", async () => {
    const root = join(scratchDirectory(), "root");
    const engine = await withContainer(root, "vfs", [
      { name: "d/", type: "directory" },
      { name: "secret", data: "s" },
    ]);
    const extract = (bytes: Buffer) => engine.copyTarIn("con", chunks(bytes), "/d");
    await expect(extract(Buffer.from("junk"))).rejects.toMatchObject({ code: "INVALID_TAR" });
    await expect(extract(layerTar([{ name: "a", type: "hardlink", link: "../secret" }]))).rejects.toMatchObject({
      code: "INVALID_LAYER",
    });
    await extract(
      layerTar([
        { name: "../../up", data: "stays below" },
        { name: ".wh.d", data: "a plain name" },
      ]),
    );
    await extract(
      layerTar([
        { name: "twice", data: "1" },
        { name: "twice", data: "2" },
      ]),
    );
    const names = [...(await filesOf(engine)).keys()].filter((name) => name.startsWith("d/") || name.includes("up"));
    expect(names).toEqual(["d/", "d/.wh.d", "d/twice", "d/up"]);
    expect((await filesOf(engine)).get("d/twice")?.toString()).toBe("2");
  });

  it("is refused where the container is read-only, or has a volume there", async () => {
    const engine = await withContainer(join(scratchDirectory(), "root"), "vfs", [{ name: "d/", type: "directory" }]);
    const file = join(scratchDirectory(), "file");
    writeFileSync(file, "x");
    symlinkSync("file", `${file}-link`);
    await engine.createContainer("rt", { name: "closed", command: ["sh"], readOnly: true });
    await engine.createContainer("rt", { name: "vol", command: ["sh"], volumes: ["/d/data"] });
    await expect(engine.copyIn("closed", file, "/x")).rejects.toMatchObject({ code: "READ_ONLY" });
    for (const path of ["/d/data", "/d/data/x", "d/../d/data/x"]) {
      await expect(engine.copyIn("vol", file, path)).rejects.toMatchObject({ code: "UNSUPPORTED" });
    }
    await engine.copyIn("vol", file, "/d/database");
  });
});
