import { readdirSync, statfsSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { Engine } from "../../src/engine/engine.ts";
import { openEngine } from "../../src/engine/open-engine.ts";
import { BEFORE, CHANGES, change } from "../support/container-changes.ts";
import { describeTree } from "../support/describe-tree.ts";
import { type FileSystemForm, makeFileSystem, overlay, type TestFileSystem } from "../support/filesystems.ts";
import { dockerArchive } from "../support/image-builder.ts";
import { type LayerfsProcess, startLayerfs } from "../support/layerfs-process.ts";
import { randomOf } from "../support/random.ts";
import { requires } from "../support/requires.ts";
import { lines, snapshot } from "../support/snapshot.ts";

type Driver = "overlay2" | "vfs";
const DRIVERS = ["overlay2", "vfs"] as const;

requires(overlay());
const places: TestFileSystem[] = [];
afterEach(() => {
  for (const place of places.splice(0)) place[Symbol.dispose]();
});

/** A data root on a disk of its own with a container `box` of `BEFORE`. */
interface Site {
  readonly root: string;
  readonly driver: Driver;
}

async function makeSite(driver: Driver, form: FileSystemForm = {}): Promise<Site> {
  const place = makeFileSystem("tmpfs", form);
  places.push(place);
  const site = { root: join(place.directory, "root"), driver };
  const file = join(place.directory, "before.tar");
  writeFileSync(file, dockerArchive([BEFORE]));
  await withEngine(site, async (engine) => {
    await engine.load({ file });
    await engine.createContainer("before:1", { name: "box" });
  });
  return site;
}

async function withEngine<T>({ root, driver }: Site, use: (engine: Engine) => Promise<T>): Promise<T> {
  await using engine = await openEngine({ root, driver });
  return await use(engine);
}

async function mounted<T>(engine: Engine, image: string, use: (tree: string) => T): Promise<T> {
  const target = await engine.mount({ image });
  try {
    return use(target);
  } finally {
    await engine.unmount({ target });
  }
}

function treeOf(engine: Engine, image: string): Promise<Record<string, string>> {
  return mounted(engine, image, describeTree);
}

/** Names of all that the store holds, but of images. */
function contents({ root, driver }: Site): Record<string, string[]> {
  const home = driver === "vfs" ? "vfs/dir" : "overlay2";
  const places = ["layerdb/sha256", "layerdb/tmp", "layerdb/mounts", "imagedb/metadata/sha256"];
  const paths = [home, "overlay2/l", "layerfs/leases", "layerfs/mounts", ...places.map((p) => `image/${driver}/${p}`)];
  return Object.fromEntries(paths.map((path) => [path, names(join(root, path))]));
}

function names(directory: string): string[] {
  try {
    return readdirSync(directory).sort();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return [];
    throw error;
  }
}

/** All times of what it changes are the same wherever it is done. */
const SETTLED = `
${CHANGES.replace("touch pair-a", "touch")}
find . -newermt 2024-01-01 -exec touch -hd @1600000000.123456789 {} +
`;

describe("commit", () => {
  it("makes the same layer of the same change on every driver and every time", async () => {
    const made = await Promise.all(
      DRIVERS.map(async (driver) => {
        const site = await makeSite(driver);
        await change(site.root, driver, "box", SETTLED);
        return await withEngine(site, async (engine) => {
          const layers = [(await engine.commit("box")).layer, (await engine.commit("box")).layer];
          const before = contents(site);
          layers.push((await engine.commit("box", { reference: "again:1" })).layer);
          expect({ ...contents(site), [METADATA(driver)]: [] }).toEqual({ ...before, [METADATA(driver)]: [] });
          return { layers, tree: await mounted(engine, "again:1", (tree) => lines(snapshot(tree).slice(1))) };
        });
      }),
    );
    const [layer] = made[0]!.layers;
    expect(layer).toMatch(/^sha256:/);
    for (const { layers } of made) expect(layers).toEqual([layer, layer, layer]);
    expect(made[0]!.tree).toEqual(made[1]!.tree);
  });

  describe.each(DRIVERS)("with %s", (driver) => {
    let site: Site;
    beforeEach(async () => {
      site = await makeSite(driver);
    });

    it("adds a step without a layer where nothing was changed", async () => {
      await withEngine(site, async (engine) => {
        const before = contents(site);
        const { id, layer } = await engine.commit("box", { reference: "same:1", message: "nothing" });
        expect(layer).toBeNull();
        expect((await engine.inspect("same:1")).RootFS).toEqual((await engine.inspect("before:1")).RootFS);
        expect((await engine.history(id))[0]).toMatchObject({ size: 0, comment: "nothing", createdBy: "sh" });
        expect({ ...contents(site), [METADATA(driver)]: [] }).toEqual({ ...before, [METADATA(driver)]: [] });
      });
    });

    it("keeps what was committed when the container is changed and committed again", async () => {
      await change(site.root, driver, "box", "echo one >file; echo more >>append");
      await withEngine(site, (engine) => engine.commit("box", { reference: "one:1" }));
      await change(site.root, driver, "box", "echo two >file; echo more >>append; rm over");
      await withEngine(site, async (engine) => {
        await engine.commit("box", { reference: "two:1" });
        const [one, two] = [await treeOf(engine, "one:1"), await treeOf(engine, "two:1")];
        expect([one.file, one.append, one.over]).toEqual([
          'file "one\n"',
          'file "old appendmore\n"',
          'file "old over"',
        ]);
        expect([two.file, two.append, two.over]).toEqual(['file "two\n"', 'file "old appendmore\nmore\n"', undefined]);
      });
    });

    it("makes an image that containers are made of, and that outlives its container", async () => {
      await change(site.root, driver, "box", "echo one >file");
      await withEngine(site, async (engine) => {
        await engine.commit("box", { reference: "one:1", changes: ["ENV A=b", 'CMD ["x"]'] });
        await engine.removeContainer("box");
        await engine.createContainer("one:1", { name: "next" });
        expect((await engine.inspect("one:1")).Config).toMatchObject({ Env: ["A=b"], Cmd: ["x"] });
        expect(await engine.diff("next")).toEqual([]);
        expect((await treeOf(engine, "one:1")).file).toBe('file "one\n"');
        expect((await engine.check([])).findings).toEqual([]);
      });
    });

    it.each([
      ["another container", "nosuch", {}, "NOT_FOUND", "No such container: nosuch"],
      ["a name in capitals", "box", { reference: "UPPER" }, "INVALID_REFERENCE", "the repository"],
      ["a name with a digest", "box", { reference: `a@sha256:${"a".repeat(64)}` }, "INVALID_REFERENCE", "refusing"],
      ["a change that is none", "box", { changes: ["RUN x"] }, "INVALID_CONFIG", "run is not a valid change command"],
    ])("refuses %s, and makes nothing", async (_, container, options, code, message) => {
      await change(site.root, driver, "box", "echo one >file");
      const before = contents(site);
      await withEngine(site, async (engine) => {
        const refused = { code, message: expect.stringContaining(message) };
        await expect(engine.commit(container, options)).rejects.toMatchObject(refused);
        expect(await engine.images()).toHaveLength(1);
      });
      expect(contents(site)).toEqual(before);
    });

    it("says so where the container's image was removed by force", async () => {
      await withEngine(site, async (engine) => {
        const { Id } = await engine.inspect("before:1");
        await engine.removeImage("before:1", { force: true });
        await expect(engine.commit("box")).rejects.toMatchObject({
          code: "NOT_FOUND",
          message: `No such image: ${Id}`,
        });
        expect(await engine.diff("box")).toEqual([]);
      });
    });

    it("leaves nothing behind where it is cancelled", async () => {
      await change(site.root, driver, "box", "head -c 20000000 /dev/urandom >big");
      const before = contents(site);
      await withEngine(site, async (engine) => {
        const stop = new AbortController();
        const committing = engine.commit("box", { signal: stop.signal });
        while (names(join(site.root, "layerfs/leases")).length === 0) await sleep(1);
        stop.abort();
        await expect(committing).rejects.toMatchObject({ code: "CANCELLED" });
        expect(await engine.images()).toHaveLength(1);
      });
      expect(contents(site)).toEqual(before);
    });

    it("keeps the holes of a file that is larger than the disk", async () => {
      const small = await makeSite(driver, { size: "64M" });
      await change(small.root, driver, "box", "truncate -s 200M hole; echo end >>hole");
      await withEngine(small, async (engine) => {
        const { layer } = await engine.commit("box", { reference: "hole:1" });
        expect(layer).not.toBeNull();
        const { size, blocks } = await mounted(engine, "hole:1", (tree) => statSync(join(tree, "hole")));
        expect(size).toBe(200 * 2 ** 20 + 4);
        expect(blocks * 512).toBeLessThan(2 ** 20);
      });
    });

    it("leaves nothing behind on a disk that is full, and works when there is room", async () => {
      const small = await makeSite(driver, { size: "64M" });
      await change(small.root, driver, "box", "head -c 40000000 /dev/urandom >big");
      const before = contents(small);
      const { bfree } = statfsSync(small.root);
      await withEngine(small, async (engine) => {
        await expect(engine.commit("box")).rejects.toMatchObject({ code: "NO_SPACE" });
        expect(contents(small)).toEqual(before);
        expect(statfsSync(small.root).bfree).toBe(bfree);
      });
      await change(small.root, driver, "box", "truncate -s 100000 big");
      await withEngine(small, (engine) => engine.commit("box"));
    });
  });
});

const METADATA = (driver: Driver): string => `image/${driver}/imagedb/metadata/sha256`;

/** `npm run test:crash` asks for 200; CONTRIBUTING.md tells of these. */
const kills = Math.ceil(Number(process.env.LAYERFS_KILLS ?? 15) / 2);
const seed = process.env.LAYERFS_SEED ?? String(Date.now());

describe.each(DRIVERS)("a commit that is killed, with %s", (driver) => {
  it(`${kills} times has made all of its image or nothing, after the next command`, {
    timeout: 60_000 + kills * 10_000,
  }, async () => {
    const site = await makeSite(driver);
    await change(site.root, driver, "box", "mkdir many; for f in {1..400}; do echo $f >many/$f; done");
    const random = randomOf(`${seed} ${driver}`);
    const commit = startCommit(site);
    await commit.leased;
    const start = performance.now();
    expect(await commit.ended).toMatchObject({ status: 0, stderr: "" });
    const duration = performance.now() - start;
    const whole = await withEngine(site, async (engine) => {
      const tree = await treeOf(engine, "new:1");
      await engine.removeImage("new:1");
      return tree;
    });
    const before = contents(site);
    const ends = { killed: 0, whole: 0 };
    while (ends.killed < kills) {
      const { process: victim, ended, leased } = startCommit(site);
      await leased;
      await Promise.race([ended, sleep(random.fraction() * duration)]);
      victim.kill("SIGKILL");
      if ((await ended).signal === "SIGKILL") ends.killed++;
      await withEngine(site, async (engine) => {
        await engine.unmount({ target: await engine.mount({ image: "before:1" }) });
        expect((await engine.check([])).findings, `LAYERFS_SEED=${seed}`).toEqual([]);
        for (const { id, repository } of await engine.images()) {
          if (repository === "before") continue;
          ends.whole++;
          expect(await treeOf(engine, id), `LAYERFS_SEED=${seed}`).toEqual(whole);
          await engine.removeImage(id);
        }
      });
      expect(contents(site), `LAYERFS_SEED=${seed}`).toEqual(before);
    }
    process.stdout.write(`${driver}: ${ends.killed} killed, of all commits ${ends.whole} had made their image\n`);
  });
});

/** `leased`: when its lease is there, or it has ended. */
function startCommit({ root, driver }: Site): LayerfsProcess & { readonly leased: Promise<void> } {
  const started = startLayerfs(["--root", root, "-s", driver, "commit", "box", "new:1"]);
  let isOver = false;
  const over = started.ended.then(() => {
    isOver = true;
  });
  const leased = async (): Promise<void> => {
    while (!isOver && names(join(root, "layerfs/leases")).length === 0) await Promise.race([sleep(1), over]);
  };
  return { ...started, leased: leased() };
}
