import { describe, expect, it } from "vitest";
import { overlay } from "../../test/support/filesystems.ts";
import { requires } from "../../test/support/requires.ts";
import { scratchDirectory } from "../../test/support/scratch.ts";
import { chooseDriver } from "./choose.ts";
import { drivers } from "./drivers.ts";

describe("the drivers of layerfs", () => {
  it("are tried in this order, vfs last", () => {
    expect(drivers.map((entry) => entry.name)).toEqual(["overlay2", "vfs"]);
  });
});

describe("an empty root on a machine with overlayfs", () => {
  requires(overlay());

  it("gets overlay2, and keeps it", async () => {
    const context = { root: scratchDirectory(), options: new Map(), readOnly: false };
    const { driver } = await chooseDriver(context);
    await driver.create("a".repeat(64), null);
    const again = await chooseDriver(context);
    expect(again.driver.name).toBe("overlay2");
    expect(again.reason).toContain("holds its layers");
  });
});
