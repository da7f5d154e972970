import { mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { scratchDirectory } from "../../test/support/scratch.ts";
import { LayerfsError } from "../core/errors.ts";
import { chooseDriver, driversWithState } from "./choose.ts";
import type { DriverContext, DriverEntry, StorageDriver } from "./driver.ts";
import { vfs } from "./vfs.ts";

/** An entry of this name that stands for a driver which works, or does not work here, or breaks. */
function entry(name: string, outcome: "works" | "unsupported" | "breaks" = "works"): DriverEntry {
  return {
    name,
    open: async (context: DriverContext): Promise<StorageDriver> => {
      if (outcome === "unsupported") throw new LayerfsError("DRIVER_UNSUPPORTED", `${name} does not work here`);
      if (outcome === "breaks") throw new LayerfsError("NO_SPACE", "the disk is full");
      return { ...(await vfs.open({ ...context, root: scratchDirectory() })), name };
    },
  };
}

function rootWith(...files: string[]): string {
  const root = scratchDirectory();
  for (const file of files) {
    mkdirSync(join(root, file, ".."), { recursive: true });
    writeFileSync(join(root, file), "");
  }
  return root;
}

const choose = (root: string, entries: readonly DriverEntry[], name?: string) =>
  chooseDriver({ root, options: new Map(), readOnly: false, name }, entries);

describe("a driver asked for by name", () => {
  it("is opened, whatever else would work", async () => {
    const choice = await choose(rootWith(), [entry("overlay2"), entry("vfs")], "vfs");
    expect(choice).toMatchObject({ driver: { name: "vfs" }, reason: "it was asked for", rejected: [] });
  });

  it("is never replaced by another when it does not work", async () => {
    const opened = choose(rootWith(), [entry("overlay2", "unsupported"), entry("vfs")], "overlay2");
    await expect(opened).rejects.toMatchObject({ code: "DRIVER_UNSUPPORTED" });
  });

  it("must be known, and the known ones are listed", async () => {
    await expect(choose(rootWith(), [entry("overlay2"), entry("vfs")], "nonsense")).rejects.toMatchObject({
      code: "USAGE",
      message: 'storage driver "nonsense" is unknown',
      hint: "known drivers: overlay2, vfs",
    });
  });
});

describe("a root with prior state", () => {
  it("gets the driver that wrote it", async () => {
    const root = rootWith("btrfs/subvolumes/x");
    const choice = await choose(root, [entry("overlay2"), entry("btrfs")]);
    expect(choice).toMatchObject({ driver: { name: "btrfs" }, reason: `${root}/btrfs holds its layers` });
  });

  it("of overlay2 never silently becomes one of vfs when overlay2 does not work", async () => {
    const root = rootWith("overlay2/abc/link");
    const opened = choose(root, [entry("overlay2", "unsupported"), entry("vfs")]);
    await expect(opened).rejects.toMatchObject({ code: "DRIVER_UNSUPPORTED", message: "overlay2 does not work here" });
    expect(readdirSync(root)).toEqual(["overlay2"]);
  });

  it("of two drivers is refused", async () => {
    const root = rootWith("overlay2/abc/link", "btrfs/subvolumes/x");
    await expect(choose(root, [entry("overlay2"), entry("btrfs")])).rejects.toMatchObject({
      code: "CONFLICT",
      message: `${root} holds layers of several storage drivers: overlay2, btrfs`,
      hint: expect.stringContaining("-s overlay2"),
    });
  });

  it("of a driver that layerfs does not have is not taken for an empty one", async () => {
    await expect(choose(rootWith("zfs/graph/x"), [entry("overlay2")])).rejects.toMatchObject({
      code: "UNSUPPORTED",
      message: expect.stringContaining("zfs"),
    });
  });

  it("of vfs is kept, but does not contend with another driver, as in Docker", async () => {
    const entries = [entry("overlay2"), entry("vfs")];
    expect(await choose(rootWith("vfs/dir/abc/f"), entries)).toMatchObject({ driver: { name: "vfs" } });
    const both = rootWith("vfs/dir/abc/f", "overlay2/abc/link");
    expect(await choose(both, entries)).toMatchObject({ driver: { name: "overlay2" } });
  });

  it("is not what a driver leaves by merely starting", () => {
    const root = rootWith("overlay2/backingFsBlockDev");
    for (const name of ["overlay2/l", "overlay2/check-overlayfs-x", "vfs/dir", "btrfs"]) {
      mkdirSync(join(root, name), { recursive: true });
    }
    expect(driversWithState(root)).toEqual([]);
  });
});

describe("an empty root", () => {
  it("gets the first driver that works, and the choice says why the others were not taken", async () => {
    const entries = [entry("overlay2", "unsupported"), entry("btrfs", "unsupported"), entry("vfs"), entry("zfs")];
    expect(await choose(rootWith(), entries)).toMatchObject({
      driver: { name: "vfs" },
      reason: "it is the first that works here",
      rejected: [
        { name: "overlay2", reason: "overlay2 does not work here" },
        { name: "btrfs", reason: "btrfs does not work here" },
      ],
    });
  });

  it("fails with each driver's reason when none works", async () => {
    const opened = choose(rootWith(), [entry("overlay2", "unsupported"), entry("vfs", "unsupported")]);
    await expect(opened).rejects.toMatchObject({
      code: "DRIVER_UNSUPPORTED",
      message: expect.stringContaining("overlay2 does not work here; vfs does not work here"),
    });
  });

  it("gets no other driver when one breaks for a reason that is not its own", async () => {
    await expect(choose(rootWith(), [entry("overlay2", "breaks"), entry("vfs")])).rejects.toMatchObject({
      code: "NO_SPACE",
    });
  });
});
