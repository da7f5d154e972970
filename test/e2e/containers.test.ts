import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeEach, describe, expect, it } from "vitest";
import { withMounted } from "../../src/container/access.ts";
import { resolveContainer } from "../../src/container/resolve.ts";
import type { Engine } from "../../src/engine/engine.ts";
import { openStores } from "../../src/engine/open-stores.ts";
import type { Stores } from "../../src/engine/stores.ts";
import { overlay } from "../support/filesystems.ts";
import { startNode } from "../support/layerfs-process.ts";
import { requires } from "../support/requires.ts";
import { scanStore } from "../support/scan-store.ts";
import { scratchDirectory } from "../support/scratch.ts";
import { loadImages, testEngine } from "../support/stores.ts";
import { layerTar } from "../support/tar-builder.ts";
import { checkout } from "../support/tree.ts";

const image = {
  tags: ["x:1"],
  layers: [
    layerTar([
      { name: "etc/", type: "directory" },
      { name: "etc/conf", data: "image" },
    ]),
  ],
  config: { config: { Cmd: ["sh"] } },
};

requires(overlay());

describe.each(["overlay2", "vfs"] as const)("a container, on %s", (driver) => {
  let engine: Engine;
  beforeEach(async () => {
    engine = await testEngine(driver);
    await loadImages(engine, [image]);
  });

  it("keeps what is written to its mount, and the image does not change", async () => {
    const { id, name } = await engine.createContainer("x:1");
    expect(name).toMatch(/^[a-z]+_[a-z]+$/);
    const target = scratchDirectory();
    expect(await engine.mount({ image: name, target })).toBe(target);
    expect(readdirSync(target).sort()).toEqual([".dockerenv", "dev", "etc", "proc", "sys"]);
    writeFileSync(join(target, "etc/conf"), "container");
    await engine.unmount({ target });
    const again = await engine.mount({ image: id.slice(0, 8) });
    expect(readFileSync(join(again, "etc/conf"), "utf8")).toBe("container");
    const other = await engine.mount({ image: "x:1" });
    expect(readFileSync(join(other, "etc/conf"), "utf8")).toBe("image");
    await engine.unmount({ target: name });
    await engine.unmount({ target: "x:1" });
    await engine.removeContainer(name);
    await engine.removeImage("x:1");
    expect(scanStore(engine.root, driver)).toEqual([]);
  });

  it("is mounted as often as it is asked for, and is gone with the last unmount", async () => {
    await engine.createContainer("x:1", { name: "box" });
    const first = await engine.mount({ image: "box" });
    expect(await engine.mount({ image: "box" })).toBe(first);
    const elsewhere = await engine.mount({ image: "box", target: scratchDirectory() });
    writeFileSync(join(first, "seen"), "");
    expect(existsSync(join(elsewhere, "seen"))).toBe(true);
    expect((await engine.mounts()).map(({ container, readWrite }) => [container?.name, readWrite])).toEqual(
      Array.from({ length: 3 }, () => ["box", true]),
    );
    await expect(engine.unmount({ target: "box" })).rejects.toMatchObject({ code: "AMBIGUOUS" });
    await engine.unmount({ target: elsewhere });
    expect(existsSync(join(elsewhere, "seen"))).toBe(false);
    await engine.unmount({ target: "box" });
    expect(existsSync(join(first, "seen"))).toBe(true);
    await engine.unmount({ target: "box" });
    expect(existsSync(first)).toBe(false);
    await expect(engine.unmount({ target: "box" })).rejects.toMatchObject({ code: "NOT_FOUND" });
  });

  it("stays while it is mounted, and its image stays while it is there", async () => {
    const { id } = await engine.createContainer("x:1", { name: "box" });
    const target = await engine.mount({ image: "box" });
    await expect(engine.removeContainer("box")).rejects.toMatchObject({
      code: "CONFLICT",
      message: `cannot remove container box: it is mounted on ${target}`,
      hint: `unmount it first: layerfs umount ${target}`,
    });
    await engine.unmount({ target });
    const [{ id: imageID }] = (await engine.images()) as unknown as [{ id: string }];
    const using = `container ${id.slice(0, 12)} is using its referenced image ${imageID.slice(7, 19)}`;
    await expect(engine.removeImage("x:1")).rejects.toThrow(
      `conflict: unable to remove repository reference "x:1" (must force) - ${using}`,
    );
    await expect(engine.removeImage(imageID)).rejects.toThrow(
      `conflict: unable to delete ${imageID.slice(7, 19)} (must be forced) - image is being used by stopped container ${id.slice(0, 12)}`,
    );
    await engine.removeImage("x:1", { force: true });
    expect((await engine.containers({ all: true })).map((each) => each.image)).toEqual([imageID]);
    const again = await engine.mount({ image: "box" });
    expect(readFileSync(join(again, "etc/conf"), "utf8")).toBe("image");
    await engine.unmount({ target: "box" });
    await engine.removeContainer("box");
  });

  it("has a name that no other has: of two made at once with one name, one is", async () => {
    const made = await Promise.allSettled([1, 2, 3].map(() => engine.createContainer("x:1", { name: "one" })));
    const refused = made.filter((result) => result.status === "rejected").map(({ reason }) => reason);
    const [container] = await engine.containers({ all: true });
    expect(refused).toHaveLength(2);
    for (const reason of refused) {
      expect(reason).toMatchObject({
        code: "CONFLICT",
        message: expect.stringContaining(`The container name "/one" is already in use by container "${container?.id}"`),
      });
    }
    await engine.createContainer("x:1", { name: "two" });
    await expect(engine.renameContainer("two", "one")).rejects.toMatchObject({ code: "CONFLICT" });
    await engine.renameContainer("one", "three");
    await engine.renameContainer("two", "one");
    expect((await engine.containers({ all: true })).map(({ name }) => name).sort()).toEqual(["one", "three"]);
    expect(scanStore(engine.root, driver)).toEqual([]);
  });

  it("is made of an image that stays, or not at all, where the image is removed meanwhile", async () => {
    const [made, removed] = await Promise.allSettled([engine.createContainer("x:1"), engine.removeImage("x:1")]);
    expect([made.status, removed.status].sort()).toEqual(["fulfilled", "rejected"]);
    if (made.status === "rejected") expect(made.reason).toMatchObject({ code: "NOT_FOUND" });
    if (removed.status === "rejected") expect(removed.reason).toMatchObject({ code: "CONFLICT" });
    expect(await engine.containers({ all: true })).toHaveLength(made.status === "fulfilled" ? 1 : 0);
    expect(scanStore(engine.root, driver)).toEqual([]);
  });

  it.each([
    ["an image that is not there", "nosuch", {}, "NOT_FOUND", "No such image: nosuch:latest"],
    ["a bad name", "x:1", { name: "bad/" }, "USAGE", "Invalid container name (bad/), only"],
    ["a relative directory", "x:1", { workingDir: "rel" }, "USAGE", "the working directory 'rel' is invalid"],
    ["a directory below a file", "x:1", { workingDir: "/etc/conf/x" }, "CONFLICT", "Cannot mkdir: /etc/conf/x is not"],
    ["a volume over a file", "x:1", { volumes: ["/etc/conf"] }, "CONFLICT", "cannot mount volume over existing file"],
    ["a bad mode", "x:1", { volumes: ["/a:/x:zz"] }, "USAGE", "invalid mode: zz"],
    ["two mounts in one place", "x:1", { volumes: ["/a:/x", "/b:/x"] }, "USAGE", "Duplicate mount point: /x"],
    ["a relative tmpfs", "x:1", { tmpfs: ["rel"] }, "USAGE", "invalid mount path: 'rel' mount path must be absolute"],
    ["no command", "x:1", { entrypoint: "" }, "USAGE", "No command specified"],
    ["another platform", "x:1", { platform: "linux/s390x" }, "NOT_FOUND", "wanted linux/s390x, actual: linux/amd64"],
  ])("is not made of %s, and nothing stays", async (_, name, options, code, message) => {
    await expect(engine.createContainer(name, options)).rejects.toMatchObject({
      code,
      message: expect.stringContaining(message),
    });
    expect(await engine.containers({ all: true })).toEqual([]);
    expect(scanStore(engine.root, driver)).toEqual([]);
  });

  it("is listed by Docker's filters", async () => {
    const early = await engine.createContainer("x:1", { name: "early", labels: new Map([["role", "web"]]) });
    await engine.createContainer("x:1", { name: "late", network: "none", volumes: ["data:/data"] });
    const listed = async (filters: Parameters<Engine["containers"]>[0]): Promise<(string | null)[]> =>
      (await engine.containers(filters)).map(({ name }) => name);
    expect(await listed({})).toEqual([]);
    expect(await listed({ all: true })).toEqual(["late", "early"]);
    expect(await listed({ last: 1 })).toEqual(["late"]);
    expect(await listed({ states: ["created"] })).toEqual(["late", "early"]);
    expect(await listed({ states: ["exited"] })).toEqual([]);
    expect(await listed({ all: true, ids: [early.id.slice(0, 12)] })).toEqual(["early"]);
    expect(await listed({ all: true, names: ["^/ea", "nosuch"] })).toEqual(["early"]);
    expect(await listed({ all: true, labels: ["role"] })).toEqual(["early"]);
    expect(await listed({ all: true, labels: ["role=web", "tier"] })).toEqual([]);
    expect(await listed({ all: true, since: "early" })).toEqual(["late"]);
    expect(await listed({ all: true, before: "late" })).toEqual(["early"]);
    expect(await listed({ all: true, volumes: ["data"] })).toEqual(["late"]);
    expect(await listed({ all: true, networks: ["none"] })).toEqual(["late"]);
    expect(await listed({ all: true, ancestors: ["x:1"] })).toEqual(["late", "early"]);
    expect(await listed({ all: true, ancestors: ["nosuch"] })).toEqual([]);
    await expect(engine.containers({ since: "nosuch" })).rejects.toMatchObject({ code: "NOT_FOUND" });
  });

  it("gives its tree to one writer or many readers, and is neither removed nor mounted meanwhile", async () => {
    const { id } = await engine.createContainer("x:1", { name: "box" });
    const stores = await storesOf(engine, driver);
    const container = resolveContainer(stores, "box");
    const written: string[] = [];
    const write = (name: string): Promise<void> =>
      withMounted(stores, container, "write", async ({ path }) => {
        written.push(`${name} begins`);
        writeFileSync(join(path, name), name);
        await expect(engine.removeContainer(id)).rejects.toMatchObject({
          code: "CONFLICT",
          message: `cannot remove container box: in use by process ${process.pid}`,
        });
        await expect(engine.mount({ image: id })).rejects.toMatchObject({ code: "CONFLICT" });
        written.push(`${name} ends`);
      });
    await Promise.all([write("a"), write("b")]);
    expect(written).toEqual([
      ...[written[0], written[0]?.replace("begins", "ends")],
      ...[written[2], written[2]?.replace("begins", "ends")],
    ]);
    await withMounted(stores, container, "read", ({ path }) =>
      withMounted(stores, container, "read", (second) => {
        expect(readdirSync(path).sort()).toEqual(readdirSync(second.path).sort());
        expect(readFileSync(join(path, "a"), "utf8")).toBe("a");
      }),
    );
    expect(await engine.mounts()).toEqual([]);
    await engine.removeContainer("box");
    await expect(withMounted(stores, container, "read", () => {})).rejects.toMatchObject({ code: "NOT_FOUND" });
  });

  it("gives its tree through its mount while it is mounted", async () => {
    await engine.createContainer("x:1", { name: "box" });
    const target = await engine.mount({ image: "box" });
    const stores = await storesOf(engine, driver);
    await withMounted(stores, resolveContainer(stores, "box"), "write", async ({ path }) => {
      writeFileSync(join(path, "through"), "");
      expect(existsSync(join(target, "through"))).toBe(true);
      await expect(engine.unmount({ target: "box" })).rejects.toMatchObject({ code: "CONFLICT" });
    });
    await engine.unmount({ target: "box" });
  });

  it("is free again when the process that writes to its tree is killed", async () => {
    const { id } = await engine.createContainer("x:1", { name: "box" });
    const holder = startNode([join(checkout, "test/support/hold-container.ts"), engine.root, driver, "box"]);
    await new Promise((resolve) => holder.process.stdout?.once("data", resolve));
    await expect(engine.removeContainer(id)).rejects.toMatchObject({
      code: "CONFLICT",
      message: `cannot remove container box: in use by process ${holder.process.pid}`,
    });
    holder.process.kill("SIGKILL");
    await holder.ended;
    const target = await engine.mount({ image: "box" });
    expect(readFileSync(join(target, "held"), "utf8")).toBe("by another process");
    await engine.unmount({ target });
    await engine.removeContainer("box");
    await engine.removeImage("x:1");
    expect(scanStore(engine.root, driver)).toEqual([]);
  });

  it("goes with the volumes that have no name of their own, if that is said", async () => {
    await engine.createContainer("x:1", { name: "box", volumes: ["/etc", "named:/n"] });
    await engine.createContainer("x:1", { name: "crate", volumes: ["/etc"] });
    const volumes = (): string[] => readdirSync(join(engine.root, "volumes")).filter((name) => name !== "metadata.db");
    const data = volumes().filter((name) => name !== "named");
    expect(data).toHaveLength(2);
    expect(readFileSync(join(engine.root, "volumes", String(data[0]), "_data", "conf"), "utf8")).toBe("image");
    await engine.removeContainer("box", { volumes: true });
    await engine.removeContainer("crate");
    expect(volumes()).toHaveLength(2);
    expect(volumes()).toContain("named");
  });
});

function storesOf(engine: Engine, driver: string): Promise<Stores> {
  return openStores({ root: engine.root, driver, storageOptions: new Map() }, "write");
}
