import { describe, expect, it } from "vitest";
import { overlay } from "../support/filesystems.ts";
import type { TestImage } from "../support/image-builder.ts";
import { requires } from "../support/requires.ts";
import { scanStore } from "../support/scan-store.ts";
import { scratchDirectory } from "../support/scratch.ts";
import { loadImages, testEngine } from "../support/stores.ts";
import { layerTar } from "../support/tar-builder.ts";

const shared = layerTar([{ name: "shared" }]);
const one: TestImage = { tags: ["one:1", "one:2"], layers: [shared, layerTar([{ name: "one" }])] };
const two: TestImage = { tags: ["two:1"], layers: [shared, layerTar([{ name: "two" }])] };

requires(overlay());

describe.each(["overlay2", "vfs"] as const)("rmi, on %s", (driver) => {
  it("takes a name away while there are others", async () => {
    const engine = await testEngine(driver);
    await loadImages(engine, [one]);
    expect(await engine.removeImage("one:1")).toEqual({ steps: [{ kind: "untagged", name: "one:1" }] });
    expect((await engine.images()).map(({ tag }) => tag)).toEqual(["2"]);
  });

  it("removes the image with its last name, and the layers that nothing else uses from the top down", async () => {
    const engine = await testEngine(driver);
    const [first] = await loadImages(engine, [two, one]);
    const [, top] = (await engine.explain("two:1")).layers;
    expect(await engine.removeImage("two:1")).toEqual({
      steps: [
        { kind: "untagged", name: "two:1" },
        { kind: "deleted", name: first?.id },
        { kind: "deleted", name: top?.chainID },
      ],
    });
    expect((await engine.explain("one:1")).layers).toHaveLength(2);
    expect(scanStore(engine.root, driver)).toEqual([]);
  });

  it("gives everything back with the last image", async () => {
    const engine = await testEngine(driver);
    await loadImages(engine, [one, two]);
    await engine.removeImage("one:1");
    await engine.removeImage("one:2");
    await engine.removeImage("two:1");
    expect((await engine.info()).layers).toBe(0);
    expect(scanStore(engine.root, driver)).toEqual([]);
  });

  it("refuses an id with several names unless it is forced", async () => {
    const engine = await testEngine(driver);
    const [loaded] = await loadImages(engine, [one]);
    const id = loaded?.id ?? "";
    await expect(engine.removeImage(id)).rejects.toMatchObject({
      code: "CONFLICT",
      message: expect.stringMatching(/must be forced\) - image is referenced in multiple repositories/),
    });
    const { steps } = await engine.removeImage(id, { force: true });
    expect(steps.map(({ kind }) => kind)).toEqual(["untagged", "untagged", "deleted", "deleted", "deleted"]);
  });

  it("refuses an image that is mounted, also with force, and its layers stay", async () => {
    const engine = await testEngine(driver);
    await loadImages(engine, [two]);
    const target = scratchDirectory();
    await engine.mount({ image: "two:1", target });
    try {
      await expect(engine.removeImage("two:1", { force: true })).rejects.toMatchObject({
        code: "CONFLICT",
        hint: `unmount it first: layerfs umount ${target}`,
      });
      expect((await engine.images())[0]?.tag).toBe("1");
    } finally {
      await engine.unmount({ target });
    }
    await engine.removeImage("two:1");
    expect(scanStore(engine.root, driver)).toEqual([]);
  });

  it("does not find what is not there", async () => {
    const engine = await testEngine(driver);
    await expect(engine.removeImage("nosuch")).rejects.toMatchObject({
      code: "NOT_FOUND",
      message: "No such image: nosuch:latest",
    });
  });
});
