import {
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  renameSync,
  rmSync,
  symlinkSync,
  unlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { beforeEach, describe, expect, it, onTestFinished } from "vitest";
import { fileSystem, makeFileSystem, overlay } from "../../test/support/filesystems.ts";
import { requires } from "../../test/support/requires.ts";
import { scratchDirectory } from "../../test/support/scratch.ts";
import { mountAll, unmount } from "../mount/mounter.ts";
import { MNT_DETACH } from "../sys/flags.ts";
import { tryMount, tryUnmount } from "../sys/mount.ts";
import type { StorageDriver } from "./driver.ts";
import { overlay2 } from "./overlay2.ts";

const [BASE, MIDDLE, TOP] = ["a", "b", "c"].map((digit) => digit.repeat(64)) as [string, string, string];
const idOf = (index: number): string => index.toString(16).padStart(64, "0");

requires(overlay());

let root: string;
let driver: StorageDriver;

beforeEach(async () => {
  root = scratchDirectory();
  driver = await open();
});

function open(options: ReadonlyMap<string, string> = new Map()): Promise<StorageDriver> {
  return overlay2.open({ root, options, readOnly: false });
}

function pathOf(...parts: string[]): string {
  return join(root, "overlay2", ...parts);
}

const mode = (path: string): string => (lstatSync(path).mode & 0o7777).toString(8);
const text = (path: string): string => readFileSync(path, "utf8");

describe("overlay2's directories", () => {
  it("are those of Docker, with Docker's modes", async () => {
    await driver.create(BASE, null);
    await driver.seal(BASE);
    await driver.create(TOP, BASE);
    expect([mode(pathOf()), mode(pathOf("l")), mode(pathOf(BASE))]).toEqual(["710", "700", "710"]);
    expect(readdirSync(pathOf(BASE)).sort()).toEqual(["committed", "diff", "link"]);
    expect(readdirSync(pathOf(TOP)).sort()).toEqual(["diff", "link", "lower", "work"]);
    const modes = ["diff", "work", "link", "lower"].map((name) => mode(pathOf(TOP, name)));
    expect(modes).toEqual(["755", "700", "644", "644"]);
    expect(mode(pathOf(BASE, "committed"))).toBe("600");
  });

  it("name each layer by 26 characters of base32, without a newline", async () => {
    await driver.create(BASE, null);
    const link = text(pathOf(BASE, "link"));
    expect(link).toMatch(/^[A-Z2-7]{26}$/);
    expect(readlinkSync(pathOf("l", link))).toBe(`../${BASE}/diff`);
  });

  it("list the layers below, topmost first", async () => {
    await driver.create(BASE, null);
    await driver.create(MIDDLE, BASE);
    await driver.create(TOP, MIDDLE);
    const links = [MIDDLE, BASE].map((id) => `l/${text(pathOf(id, "link"))}`);
    expect(text(pathOf(TOP, "lower"))).toBe(links.join(":"));
    expect(driver.place(TOP).lowers).toEqual([pathOf(MIDDLE, "diff"), pathOf(BASE, "diff")]);
  });

  it("mark a layer as committed when a child is made, as Docker does", async () => {
    await driver.create(BASE, null);
    await driver.create(TOP, BASE);
    expect(existsSync(pathOf(BASE, "committed"))).toBe(true);
    expect(existsSync(pathOf(TOP, "committed"))).toBe(false);
  });

  it("show as GraphDriver.Data with Docker's keys", async () => {
    await driver.create(BASE, null);
    await driver.create(TOP, BASE);
    const data = { MergedDir: pathOf(TOP, "merged"), UpperDir: pathOf(TOP, "diff"), WorkDir: pathOf(TOP, "work") };
    expect(driver.data(TOP)).toEqual({ ...data, LowerDir: pathOf(BASE, "diff") });
    expect(driver.data(BASE)).not.toHaveProperty("LowerDir");
  });

  it("hold what dockerd leaves there too, which is no layer", async () => {
    for (const name of ["l", "check-overlayfs-support1", "x\ny"]) mkdirSync(pathOf(name), { recursive: true });
    writeFileSync(pathOf("backingFsBlockDev"), "");
    await driver.create("my-layer.1", null);
    expect(await driver.list()).toEqual(["my-layer.1"]);
  });
});

describe("a damaged overlay2 layer", () => {
  beforeEach(async () => {
    await driver.create(BASE, null);
    await driver.create(TOP, BASE);
  });

  const corrupt = (message: unknown) => expect.objectContaining({ code: "CORRUPT_STORE", message });

  it("whose parent has lost its link is named", () => {
    const link = pathOf("l", text(pathOf(BASE, "link")));
    unlinkSync(link);
    expect(() => driver.place(TOP)).toThrow(corrupt(`${link} is missing`));
  });

  it("whose parent's link leads elsewhere is named", () => {
    const link = pathOf("l", text(pathOf(BASE, "link")));
    unlinkSync(link);
    symlinkSync("/etc", link);
    expect(() => driver.place(TOP)).toThrow(corrupt(expect.stringContaining('found "/etc"')));
  });

  it.each(["", "l/", "../../etc", "l/AAA::l/BBB", "l/../x", "l/AAA\n"])(
    "with the lower file %j is named",
    (content) => {
      writeFileSync(pathOf(TOP, "lower"), content);
      expect(() => driver.place(TOP)).toThrow(corrupt(expect.stringContaining(pathOf(TOP, "lower"))));
    },
  );

  it("without its diff directory is named", () => {
    rmSync(pathOf(TOP, "diff"), { recursive: true });
    expect(() => driver.place(TOP)).toThrow(corrupt(`${pathOf(TOP, "diff")} is missing`));
  });

  it("with an empty link file gets no child", async () => {
    writeFileSync(pathOf(BASE, "link"), "");
    await expect(driver.create(MIDDLE, BASE)).rejects.toMatchObject({ code: "CORRUPT_STORE" });
    expect(await driver.list()).toEqual([BASE, TOP]);
  });
});

describe("removing from overlay2", () => {
  it("takes the link away too", async () => {
    await driver.create(BASE, null);
    await driver.remove(BASE);
    expect(readdirSync(pathOf())).toEqual(["l"]);
    expect(readdirSync(pathOf("l"))).toEqual([]);
  });

  it.each([
    ["nothing but the directory", ["diff", "link", "committed"]],
    ["no record", ["link", "committed"]],
    ["no files", ["diff"]],
  ])("cleans up a layer whose making stopped with %s", async (_, gone) => {
    await driver.create(BASE, null);
    await driver.seal(BASE);
    if (gone.includes("link")) unlinkSync(pathOf("l", text(pathOf(BASE, "link"))));
    for (const name of gone) rmSync(pathOf(BASE, name), { recursive: true });
    await driver.remove(BASE);
    expect(readdirSync(pathOf())).toEqual(["l"]);
    expect(readdirSync(pathOf("l"))).toEqual([]);
  });

  it("takes away the link of a layer whose own record of it was lost with the power", async () => {
    await driver.create(BASE, null);
    writeFileSync(pathOf(BASE, "link"), "");
    await driver.remove(BASE);
    expect(readdirSync(pathOf("l"))).toEqual([]);
  });

  it("finishes a removal that was interrupted, which the list still shows", async () => {
    await driver.create(BASE, null);
    renameSync(pathOf(BASE), pathOf(`${BASE}-removing`));
    expect(await driver.exists(BASE)).toBe(false);
    expect(await driver.list()).toEqual([BASE]);
    await driver.remove(BASE);
    expect(await driver.list()).toEqual([]);
    expect(readdirSync(pathOf("l"))).toEqual([]);
  });

  it("leaves a link that became another layer's", async () => {
    await driver.create(BASE, null);
    const link = pathOf("l", text(pathOf(BASE, "link")));
    unlinkSync(link);
    symlinkSync(`../${TOP}/diff`, link);
    await driver.remove(BASE);
    expect(readlinkSync(link)).toBe(`../${TOP}/diff`);
  });

  it("refuses while Docker has the layer mounted, and changes nothing", async () => {
    await driver.create(BASE, null);
    const merged = pathOf(BASE, "merged");
    mkdirSync(merged);
    expect(tryMount("tmpfs", merged, "tmpfs", 0, "size=64k")).toBe(0);
    onTestFinished(() => void tryUnmount(merged, MNT_DETACH));
    await expect(driver.remove(BASE)).rejects.toMatchObject({ code: "CONFLICT" });
    expect(driver.place(BASE).directory).toBe(pathOf(BASE, "diff"));
  });
});

describe("sealing in overlay2", () => {
  it("turns a layer that hides all below it into a lowest one, for dockerd too", async () => {
    await driver.create(BASE, null);
    await driver.create(TOP, BASE);
    await driver.seal(TOP, { cutsLowers: true });
    expect(readdirSync(pathOf(TOP)).sort()).toEqual(["committed", "diff", "link"]);
  });

  it("forbids to mount the layer for writing", async () => {
    await driver.create(BASE, null);
    await driver.seal(BASE);
    expect(() => driver.plan(BASE, { target: "/mnt", readOnly: false })).toThrow(
      expect.objectContaining({ code: "CONFLICT" }),
    );
  });
});

describe("a plan of overlay2", () => {
  it("joins a read-only tree without a place to write, and binds a lone layer", async () => {
    await driver.create(BASE, null);
    await driver.create(TOP, BASE);
    expect(driver.plan(BASE, { target: "/t", readOnly: true })).toEqual([
      { kind: "bind", source: pathOf(BASE, "diff"), target: "/t", readOnly: true },
    ]);
    const [step] = driver.plan(TOP, { target: "/t", readOnly: true });
    expect(step).toMatchObject({ kind: "overlay", lowers: [pathOf(TOP, "diff"), pathOf(BASE, "diff")] });
    expect(step).not.toHaveProperty("upper");
  });

  it("writes to the layer itself, with Docker's options", async () => {
    await driver.create(BASE, null);
    await driver.create(TOP, BASE, { readWrite: true });
    const [step] = driver.plan(TOP, { target: "/t", readOnly: false });
    expect(step).toMatchObject({
      lowers: [pathOf(BASE, "diff")],
      upper: { directory: pathOf(TOP, "diff"), work: pathOf(TOP, "work") },
      options: expect.arrayContaining(["index=off"]),
    });
  });
});

describe("the depth of overlay2", () => {
  it("goes past Docker's 128 up to the kernel's 500 layers, mounted for real, and no further", async () => {
    for (let index = 0; index < 500; index++) {
      await driver.create(idOf(index), index === 0 ? null : idOf(index - 1));
      if (index % 100 === 0) writeFileSync(join(driver.place(idOf(index)).directory, `${index}`), "");
    }
    await expect(driver.create(idOf(500), idOf(499))).rejects.toMatchObject({ code: "LIMIT_EXCEEDED" });
    expect(await driver.exists(idOf(500))).toBe(false);
    await driver.create(idOf(500), idOf(499), { readWrite: true });
    for (const [index, readOnly] of [
      [128, true],
      [499, true],
      [500, false],
    ] as const) {
      const target = scratchDirectory();
      await mountAll(driver.plan(idOf(index), { target, readOnly }));
      expect(readdirSync(target).length).toBe(index === 128 ? 2 : 5);
      await unmount(target);
    }
  });
});

describe("opening overlay2", () => {
  it("tells of the file system and the kernel in Docker's words", async () => {
    const status = new Map(driver.status());
    expect([...status.keys()]).toEqual([
      "Backing Filesystem",
      "Supports d_type",
      "Using metacopy",
      "Native Overlay Diff",
      "userxattr",
    ]);
    expect(status.get("Supports d_type")).toBe("true");
  });

  it("tells of a root where nothing may be tried what can be seen in it", async () => {
    const reader = await overlay2.open({ root, options: new Map(), readOnly: true });
    expect(new Map(reader.status()).get("Supports d_type")).toBe("true");
    expect(new Map(reader.status()).has("Native Overlay Diff")).toBe(false);
  });

  it("leaves nothing of its tests behind", () => {
    expect(driver.traits.nativeDiff).toBeTypeOf("boolean");
    expect(readdirSync(root)).toEqual(["overlay2"]);
    expect(readdirSync(pathOf())).toEqual(["l"]);
  });

  it("accepts Docker's option without effect, and refuses what it cannot keep", async () => {
    const plain = await open(new Map());
    const overridden = await open(new Map([["overlay2.override_kernel_check", "true"]]));
    expect(overridden.status()).toEqual(plain.status());
    expect(overridden.status()).not.toEqual([]);
    await expect(open(new Map([["overlay2.size", "1G"]]))).rejects.toMatchObject({ code: "UNSUPPORTED" });
  });
});

describe("overlay2 on a file system without d_type", () => {
  requires(fileSystem("ext4-without-d_type"));

  it("is refused on a new root and tells so on an old one", async () => {
    using made = makeFileSystem("ext4-without-d_type");
    const context = { root: mkdtempSync(join(made.directory, "root-")), options: new Map(), readOnly: false };
    await expect(overlay2.open(context)).rejects.toMatchObject({
      code: "DRIVER_UNSUPPORTED",
      message: expect.stringContaining("d_type"),
    });
    expect(readdirSync(context.root)).toEqual([]);
    mkdirSync(join(context.root, "overlay2/l"), { recursive: true });
    const driver = await overlay2.open(context);
    expect(driver.status()).toContainEqual(["Supports d_type", "false"]);
    const reader = await overlay2.open({ ...context, readOnly: true });
    expect(reader.status()).toContainEqual(["Supports d_type", "false"]);
  });
});
