import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join, relative } from "node:path";
import { beforeEach, describe, expect, it, onTestFinished } from "vitest";
import type { DriverContext, StorageDriver } from "../../src/driver/driver.ts";
import { mountAll, unmount } from "../../src/mount/mounter.ts";
import { mounting, type Requirement, root } from "../support/requires.ts";

/** What a driver under test needs beside the contract's own needs, and how it is opened. */
export interface DriverUnderTest {
  readonly open: (context: DriverContext) => Promise<StorageDriver>;
  /** Directory to make data roots in, e.g. on a certain file system; the temporary directory by default. */
  readonly parent?: () => string;
  readonly needs?: readonly Requirement[];
}

const [BASE, MIDDLE, TOP, RW] = ["a", "b", "c", "d"].map((digit) => digit.repeat(64)) as [
  string,
  string,
  string,
  string,
];

/**
 * What every storage driver promises (src/driver/driver.ts), tried on a real one. A driver's own test calls this, and
 * adds what is its own.
 */
export function driverContract(name: string, subject: DriverUnderTest): void {
  describe(`${name} as a storage driver`, () => {
    let rootDirectory: string;
    let driver: StorageDriver;

    beforeEach(async (context) => {
      const missing = [root(), mounting(), ...(subject.needs ?? [])].find((need) => need !== null);
      if (typeof missing === "string") context.skip(missing);
      rootDirectory = mkdtempSync(join(subject.parent?.() ?? tmpdir(), "layerfs-driver-"));
      onTestFinished(() => rmSync(rootDirectory, { recursive: true, force: true }));
      driver = await open();
    });

    const open = (readOnly = false) => subject.open({ root: rootDirectory, options: new Map(), readOnly });

    /** Makes and seals a layer with these files. */
    async function layer(id: string, parent: string | null, files: Readonly<Record<string, string>>): Promise<void> {
      await driver.create(id, parent);
      const { directory } = driver.place(id);
      for (const [path, content] of Object.entries(files)) {
        mkdirSync(join(directory, path, ".."), { recursive: true });
        writeFileSync(join(directory, path), content);
      }
      await driver.seal(id);
    }

    /** Mounts a layer until the test ends. */
    async function mounted(id: string, readOnly = true): Promise<string> {
      const target = mkdtempSync(join(tmpdir(), "layerfs-mnt-"));
      onTestFinished(() => rmSync(target, { recursive: true }));
      await mountAll(driver.plan(id, { target, readOnly }));
      onTestFinished(() => unmount(target));
      return target;
    }

    describe("create", () => {
      it("makes an empty layer, which is then there and listed", async () => {
        await driver.create(BASE, null);
        expect(readdirSync(driver.place(BASE).directory)).toEqual([]);
        expect(lstatSync(driver.place(BASE).directory).mode & 0o777).toBe(0o755);
        expect(await driver.exists(BASE)).toBe(true);
        expect(await driver.list()).toEqual([BASE]);
      });

      it("starts a child of a full tree with its parent's files, any other with none", async () => {
        await layer(BASE, null, { "etc/a": "base" });
        await driver.create(TOP, BASE);
        const { directory, lowers } = driver.place(TOP);
        const isFullTree = driver.traits.layerForm === "full-tree";
        expect(existsSync(join(directory, "etc/a"))).toBe(isFullTree);
        expect(lowers).toEqual(isFullTree ? [] : [driver.place(BASE).directory]);
      });

      it("makes a directory by whose paths the layer is known again", async () => {
        await layer(BASE, null, { f: "1" });
        const directory = relative(driver.home, driver.place(BASE).directory);
        expect(driver.identify(directory)).toEqual({ id: BASE, path: "" });
        expect(driver.identify(join(directory, "etc/a"))).toEqual({ id: BASE, path: "etc/a" });
        const short = driver.shortPath(BASE);
        if (short === null) return;
        expect(driver.identify(join(short, "etc/a"))).toEqual({ id: BASE, path: "etc/a" });
        expect(readFileSync(join(driver.home, short, "f"), "utf8")).toBe("1");
      });

      it.each(["", "l", "l/NOSUCHLINK", "../x"])("knows no layer by the path %j", (path) => {
        expect(driver.identify(path)).toBeNull();
      });

      it("fails with CONFLICT for an id that is there, which it leaves alone", async () => {
        await layer(BASE, null, { f: "1" });
        await expect(driver.create(BASE, null)).rejects.toMatchObject({ code: "CONFLICT" });
        expect(readFileSync(join(driver.place(BASE).directory, "f"), "utf8")).toBe("1");
      });

      it("fails with NOT_FOUND for an absent parent, leaving nothing", async () => {
        await expect(driver.create(TOP, BASE)).rejects.toMatchObject({ code: "NOT_FOUND" });
        expect(await driver.exists(TOP)).toBe(false);
        expect(await driver.list()).toEqual([]);
      });

      it.each(["", ".", "..", "a/b", "../x", "l", `${BASE}-removing`, "a\nb"])("refuses the id %j", async (id) => {
        await expect(driver.create(id, null)).rejects.toMatchObject({ code: "USAGE" });
      });

      it("takes the id of an init layer", async () => {
        await driver.create(`${BASE}-init`, null);
        expect(await driver.list()).toEqual([`${BASE}-init`]);
      });
    });

    describe("the tree of a layer", () => {
      it("is the union of its layers, the upper ones winning", async () => {
        await layer(BASE, null, { "etc/a": "base", "etc/b": "base" });
        await layer(MIDDLE, BASE, { "etc/b": "middle", "var/c": "middle" });
        await layer(TOP, MIDDLE, { "etc/a": "top" });
        const target = await mounted(TOP);
        const read = (path: string) => readFileSync(join(target, path), "utf8");
        expect([read("etc/a"), read("etc/b"), read("var/c")]).toEqual(["top", "middle", "middle"]);
        expect(readdirSync(join(target, "etc")).sort()).toEqual(["a", "b"]);
      });

      it("cannot be written to when mounted read-only", async () => {
        await layer(BASE, null, { f: "1" });
        await layer(TOP, BASE, { g: "1" });
        for (const id of [BASE, TOP]) {
          const target = await mounted(id);
          expect(() => writeFileSync(join(target, "new"), "")).toThrow("EROFS");
        }
      });

      it("keeps the attributes of its root", async () => {
        await layer(BASE, null, { f: "1" });
        await driver.create(TOP, BASE);
        chmodSync(driver.place(TOP).directory, 0o1750);
        await driver.seal(TOP);
        expect(lstatSync(await mounted(TOP)).mode & 0o7777).toBe(0o1750);
      });

      it("can be mounted at several places", async () => {
        await layer(BASE, null, { f: "1" });
        await layer(TOP, BASE, {});
        for (const target of [await mounted(TOP), await mounted(TOP)]) expect(readdirSync(target)).toEqual(["f"]);
      });
    });

    describe("a read-write layer", () => {
      it("takes what is written to its tree and leaves its parent as it is", async () => {
        await layer(BASE, null, { "etc/a": "base", "etc/b": "base" });
        await driver.create(RW, BASE, { readWrite: true });
        const target = await mounted(RW, false);
        writeFileSync(join(target, "etc/a"), "changed");
        rmSync(join(target, "etc/b"));
        expect(readdirSync(join(target, "etc"))).toEqual(["a"]);
        expect(readFileSync(join(driver.place(BASE).directory, "etc/a"), "utf8")).toBe("base");
        expect(readdirSync(join(driver.place(BASE).directory, "etc")).sort()).toEqual(["a", "b"]);
      });

      it("has its changes still when it is mounted again, also read-only", async () => {
        await layer(BASE, null, { a: "base" });
        await driver.create(RW, BASE, { readWrite: true });
        const first = mkdtempSync(join(tmpdir(), "layerfs-mnt-"));
        onTestFinished(() => rmSync(first, { recursive: true }));
        await mountAll(driver.plan(RW, { target: first, readOnly: false }));
        writeFileSync(join(first, "new"), "1");
        await unmount(first);
        expect(readdirSync(await mounted(RW)).sort()).toEqual(["a", "new"]);
      });

      it("may stand on nothing", async () => {
        await driver.create(RW, null, { readWrite: true });
        writeFileSync(join(await mounted(RW, false), "f"), "");
        expect(readdirSync(driver.place(RW).directory)).toEqual(["f"]);
      });
    });

    describe("seal", () => {
      it("can be repeated", async () => {
        await layer(BASE, null, { f: "1" });
        await driver.seal(BASE);
        expect(readdirSync(await mounted(BASE))).toEqual(["f"]);
      });

      it("fails with NOT_FOUND for an absent layer", async () => {
        await expect(driver.seal(BASE)).rejects.toMatchObject({ code: "NOT_FOUND" });
      });

      it("cuts off what lies below where the layer's root is opaque", async (context) => {
        if (driver.traits.layerForm !== "overlay-dir") context.skip("only overlay directories show what lies below");
        await layer(BASE, null, { old: "1" });
        await driver.create(MIDDLE, BASE);
        writeFileSync(join(driver.place(MIDDLE).directory, "new"), "1");
        await driver.seal(MIDDLE, { cutsLowers: true });
        await layer(TOP, MIDDLE, { top: "1" });
        expect(driver.place(MIDDLE).lowers).toEqual([]);
        expect(readdirSync(await mounted(MIDDLE))).toEqual(["new"]);
        expect(readdirSync(await mounted(TOP)).sort()).toEqual(["new", "top"]);
      });
    });

    describe("remove", () => {
      it("removes a layer in any state, and repeating it succeeds", async () => {
        await layer(BASE, null, { "a/b/c": "1" });
        await driver.create(TOP, BASE);
        for (const id of [TOP, TOP, BASE, BASE]) await driver.remove(id);
        expect(await driver.list()).toEqual([]);
        expect(await driver.exists(TOP)).toBe(false);
      });

      it("succeeds for a layer that never was", async () => {
        await expect(driver.remove(BASE)).resolves.toBeUndefined();
      });

      it("leaves the other layers whole, and the id free", async () => {
        await layer(BASE, null, { f: "1" });
        await layer(TOP, BASE, { g: "1" });
        await driver.remove(TOP);
        await layer(TOP, BASE, { h: "1" });
        expect(readdirSync(await mounted(TOP)).sort()).toEqual(["f", "h"]);
      });
    });

    describe("looking", () => {
      it("fails with NOT_FOUND for an absent layer", () => {
        const notFound = expect.objectContaining({ code: "NOT_FOUND" });
        expect(() => driver.place(BASE)).toThrow(notFound);
        expect(() => driver.plan(BASE, { target: "/mnt", readOnly: true })).toThrow(notFound);
      });

      it("plans without doing anything", async () => {
        await layer(BASE, null, {});
        const steps = driver.plan(BASE, { target: "/absent/target", readOnly: true });
        expect(steps.at(-1)).toMatchObject({ target: "/absent/target" });
      });

      it("names itself, a home below the root, and says what it can", () => {
        expect(driver.home).toBe(join(rootDirectory, driver.name));
        expect(driver.traits.maxDepth).toBeGreaterThanOrEqual(127);
        expect(["overlay-dir", "full-tree", "tar-file"]).toContain(driver.traits.layerForm);
        expect(typeof driver.traits.nativeDiff).toBe("boolean");
        for (const pair of driver.status()) expect(pair).toEqual([expect.any(String), expect.any(String)]);
      });

      it("sees what another instance of the driver made", async () => {
        const other = await open();
        await layer(BASE, null, { f: "1" });
        expect(await other.list()).toEqual([BASE]);
        await other.remove(BASE);
        expect(await driver.exists(BASE)).toBe(false);
      });
    });

    describe("a root opened read-only", () => {
      it("is read and never written", async () => {
        await layer(BASE, null, { f: "1" });
        const reader = await open(true);
        expect(await reader.list()).toEqual([BASE]);
        expect(reader.place(BASE)).toEqual(driver.place(BASE));
        const changes = [reader.create(TOP, BASE), reader.seal(BASE), reader.remove(BASE)];
        for (const change of changes) await expect(change).rejects.toMatchObject({ code: "READ_ONLY" });
        expect(await reader.exists(BASE)).toBe(true);
      });

      it("may be empty, and stays so", async () => {
        const empty = join(rootDirectory, "empty");
        mkdirSync(empty);
        const reader = await subject.open({ root: empty, options: new Map(), readOnly: true });
        expect(await reader.list()).toEqual([]);
        expect(() => reader.status()).not.toThrow();
        expect(readdirSync(empty)).toEqual([]);
      });
    });

    it("refuses storage options that it does not know", async () => {
      const options = new Map([["nonsense.key", "1"]]);
      const opened = subject.open({ root: rootDirectory, options, readOnly: false });
      await expect(opened).rejects.toMatchObject({ code: "USAGE", message: expect.stringContaining("nonsense.key") });
    });
  });
}
