import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join, relative } from "node:path";
import { describe, expect, it } from "vitest";
import { describeTree } from "../support/describe-tree.ts";
import { overlay } from "../support/filesystems.ts";
import { requires } from "../support/requires.ts";
import { scanStore } from "../support/scan-store.ts";
import { scratchDirectory } from "../support/scratch.ts";
import { loadImages, testEngine } from "../support/stores.ts";
import { layerTar } from "../support/tar-builder.ts";

const layers = [
  layerTar([
    { name: "d/", type: "directory" },
    { name: "d/f", data: "lower" },
    { name: "d/gone", data: "x" },
  ]),
  layerTar([{ name: "d/", type: "directory" }, { name: "d/f", data: "upper" }, { name: "d/.wh.gone" }]),
];
const TREE = { d: "directory", "d/f": 'file "upper"' };

requires(overlay());

describe.each(["overlay2", "vfs"] as const)("mount, on %s", (driver) => {
  it("shows the merged tree read-only, and takes it away", async () => {
    const engine = await testEngine(driver);
    await loadImages(engine, [{ tags: ["x:1"], layers }]);
    const target = scratchDirectory();
    expect(await engine.mount({ image: "x:1", target })).toBe(target);
    expect(describeTree(target)).toEqual(TREE);
    expect(() => writeFileSync(join(target, "new"), "")).toThrow(/EROFS/);
    expect(await engine.mounts()).toMatchObject([{ target, readWrite: false, mounted: true, image: { name: "x:1" } }]);
    await engine.unmount({ target });
    expect(describeTree(target)).toEqual({});
    expect(await engine.mounts()).toEqual([]);
    await engine.removeImage("x:1");
    expect(scanStore(engine.root, driver)).toEqual([]);
  });

  it("makes a place of its own where none is given, and removes it", async () => {
    const engine = await testEngine(driver);
    await loadImages(engine, [{ tags: ["x:1"], layers }]);
    const target = await engine.mount({ image: "x:1" });
    expect(describeTree(target)).toEqual(TREE);
    await expect(engine.unmount({ target: "y:1" })).rejects.toMatchObject({
      code: "NOT_FOUND",
      message: "y:1 is neither the directory of a mount nor a container or an image that is mounted",
    });
    expect(await engine.unmount({ target: "x:1" })).toBe(target);
    await engine.removeImage("x:1");
    expect(scanStore(engine.root, driver)).toEqual([]);
  });

  it("takes changes into a layer of its own, which only --discard throws away", async () => {
    const engine = await testEngine(driver);
    await loadImages(engine, [{ tags: ["x:1"], layers }]);
    const target = scratchDirectory();
    await engine.mount({ image: "x:1", target, readWrite: true });
    writeFileSync(join(target, "d/f"), "changed");
    await expect(engine.unmount({ target })).rejects.toMatchObject({ code: "CONFLICT" });
    expect(readFileSync(join(target, "d/f"), "utf8")).toBe("changed");
    await engine.unmount({ target, discard: true });
    await engine.mount({ image: "x:1", target });
    expect(describeTree(target)).toEqual(TREE);
    await engine.unmount({ target });
    await engine.removeImage("x:1");
    expect(scanStore(engine.root, driver)).toEqual([]);
  });

  it("is taken away by a relative path", async () => {
    const engine = await testEngine(driver);
    await loadImages(engine, [{ tags: ["x:1"], layers }]);
    const target = await engine.mount({ image: "x:1", target: scratchDirectory() });
    expect(await engine.unmount({ target: relative("", target) })).toBe(target);
  });

  it("mounts one image several times", async () => {
    const engine = await testEngine(driver);
    await loadImages(engine, [{ tags: ["x:1"], layers }]);
    const targets = [scratchDirectory(), scratchDirectory()];
    for (const target of targets) await engine.mount({ image: "x:1", target });
    await expect(engine.unmount({ target: "x:1" })).rejects.toMatchObject({
      code: "AMBIGUOUS",
      message: "image x:1 is mounted 2 times",
      hint: `name the directory: ${targets.join(", ")}`,
    });
    for (const target of targets) await engine.unmount({ target });
  });

  it.each([
    ["an image that is not there", { image: "nosuch" }, "NOT_FOUND"],
    ["a target that is not there", { image: "x:1", target: "/nonexistent/target" }, "NOT_FOUND"],
  ])("refuses %s, and nothing is mounted", async (_, request, code) => {
    const engine = await testEngine(driver);
    await loadImages(engine, [{ tags: ["x:1"], layers }]);
    await expect(engine.mount(request)).rejects.toMatchObject({ code });
    expect(await engine.mounts()).toEqual([]);
  });
});

describe("a union of plain directories", () => {
  it("shows the topmost version of each name, and takes changes in the upper directory", async () => {
    const place = scratchDirectory();
    const [top, bottom, upper, work, target] = ["top", "bottom", "upper", "work", "target"].map((name) => {
      mkdirSync(join(place, name));
      return join(place, name);
    }) as [string, string, string, string, string];
    writeFileSync(join(top, "a"), "top");
    writeFileSync(join(bottom, "a"), "bottom");
    writeFileSync(join(bottom, "b"), "bottom");
    const engine = await testEngine("overlay2");
    await engine.mountDirectories({ lowers: [top, bottom], upper, work, target });
    try {
      expect(describeTree(target)).toEqual({ a: 'file "top"', b: 'file "bottom"' });
      writeFileSync(join(target, "c"), "new");
      expect(readFileSync(join(upper, "c"), "utf8")).toBe("new");
    } finally {
      await engine.unmount({ target });
    }
    await engine.mountDirectories({ lowers: [top, bottom], target });
    expect(describeTree(target)).toEqual({ a: 'file "top"', b: 'file "bottom"' });
    await engine.unmount({ target });
    expect(describeTree(target)).toEqual({});
  });

  it("needs a work directory beside the upper one", async () => {
    const engine = await testEngine("overlay2");
    const request = { lowers: [scratchDirectory()], upper: scratchDirectory(), target: scratchDirectory() };
    await expect(engine.mountDirectories(request)).rejects.toMatchObject({ code: "USAGE" });
  });
});
