import { mkdtempSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { CreateContainerOptions } from "../../src/engine/containers/create-container.ts";
import { dockerd, exportedTree, startDockerd, whileRunning } from "../support/dockerd.ts";
import { dumpTree } from "../support/dump-tree.ts";
import { makeFileSystem, overlay, type TestFileSystem } from "../support/filesystems.ts";
import { dockerArchive, type TestImage } from "../support/image-builder.ts";
import { requires } from "../support/requires.ts";
import { scratchDirectory } from "../support/scratch.ts";
import { withEngine } from "../support/stores.ts";
import { layerTar } from "../support/tar-builder.ts";
import { checkout } from "../support/tree.ts";

/** What Docker puts its mount points over, and what stands in their way. */
const app: TestImage = {
  tags: ["app:1"],
  layers: [
    layerTar([
      { name: "bin/", type: "directory", mode: 0o755 },
      { name: "bin/run", data: "#!", mode: 0o755 },
      { name: "etc/", type: "directory", mode: 0o750, uid: 3 },
      { name: "etc/hosts", data: "127.0.0.1 image\n" },
      { name: "etc/hostname/", type: "directory", mode: 0o700 },
      { name: "proc", data: "no directory" },
      { name: "dev", type: "symlink", link: "bin" },
      { name: "sys/", type: "directory", mode: 0o555 },
      { name: "data/", type: "directory", mode: 0o1777, gid: 7 },
      { name: "data/seed", data: "seed", uid: 9 },
      { name: "srv", type: "symlink", link: "/data" },
    ]),
    layerTar([{ name: "bin/.wh.run" }, { name: "bin/app", data: "#!", mode: 0o755 }]),
  ],
  config: {
    config: {
      Cmd: ["app", "a b"],
      Entrypoint: ["/bin/app"],
      Env: ["PATH=/bin", "LEVEL=1"],
      WorkingDir: "/srv/work",
      Volumes: { "/data": {} },
      Labels: { role: "app", tier: "1" },
      ExposedPorts: { "80/tcp": {} },
      User: "5:6",
      StopSignal: "SIGINT",
      Healthcheck: { Test: ["CMD", "true"] },
      OnBuild: ["RUN true"],
    },
  },
};
const plain: TestImage = { tags: ["plain:1"], layers: [layerTar([{ name: "a", data: "a" }])] };

/** The same container by layerfs and by docker. */
const CASES: readonly (readonly [
  name: string,
  image: string,
  options: CreateContainerOptions,
  docker: readonly string[],
])[] = [
  ["all by default", "app:1", {}, []],
  ["no command", "plain:1", { command: ["a"] }, ["--", "a"]],
  ["a command", "app:1", { command: ["ls", "-l"] }, ["--", "ls", "-l"]],
  ["an entrypoint", "app:1", { entrypoint: "/bin/sh" }, ["--entrypoint", "/bin/sh"]],
  ["no entrypoint", "app:1", { entrypoint: "", command: ["x"] }, ["--entrypoint", "", "--", "x"]],
  [
    "an environment",
    "app:1",
    { env: ["LEVEL=2", "NEW=a=b", "EMPTY="] },
    ["-e", "LEVEL=2", "-e", "NEW=a=b", "-e", "EMPTY="],
  ],
  [
    "labels",
    "app:1",
    {
      labels: new Map([
        ["tier", "2"],
        ["b", ""],
      ]),
    },
    ["-l", "tier=2", "-l", "b"],
  ],
  ["a user and a directory", "app:1", { user: "me", workingDir: "/x/y/" }, ["-u", "me", "-w", "/x/y/"]],
  ["a host name and no network", "app:1", { hostname: "h", network: "none" }, ["--hostname", "h", "--network", "none"]],
  ["the machine's network", "plain:1", { network: "host", command: ["a"] }, ["--network", "host", "--", "a"]],
  ["a read-only root", "plain:1", { readOnly: true, command: ["a"] }, ["--read-only", "--", "a"]],
  [
    "mounts",
    "app:1",
    {
      volumes: ["/host/dir:/cont:ro", "/host/b:/b:rshared", "named:/named", "other:/other:ro,nocopy", "/anon/x/"],
      tmpfs: ["/run", "/scratch:size=1m"],
    },
    [
      ...["-v", "/host/dir:/cont:ro", "-v", "/host/b:/b:rshared", "-v", "named:/named", "-v", "other:/other:ro,nocopy"],
      ...["-v", "/anon/x/", "--tmpfs", "/run", "--tmpfs", "/scratch:size=1m"],
    ],
  ],
  ["a mount over the image's volume", "app:1", { volumes: ["/host/dir:/data"] }, ["-v", "/host/dir:/data"]],
];

const missing = requires(overlay(), dockerd());

/** In memory, where a sync waits for nobody's disk. */
let place: TestFileSystem | undefined;
beforeAll(() => {
  if (missing === null) place = makeFileSystem("tmpfs");
});
afterAll(() => place?.[Symbol.dispose]());

describe.each(["overlay2", "vfs"] as const)("containers, with %s", (driver) => {
  it("are made by layerfs as by docker: records, mount points, volumes", { timeout: 120_000 }, async () => {
    const root = newRoot();
    const numbered = CASES.map((row, index) => ({ row, name: `n${index}` }));
    const made = await withEngine(root, driver, async (engine) => {
      await engine.load({ file: archive(app, plain) });
      const found = new Map<string, unknown>();
      for (const { row, name } of numbered) {
        const { id } = await engine.createContainer(row[1], { ...row[2], name });
        found.set(name, recordsOf(root, driver, id));
      }
      for (const { name } of numbered) await engine.removeContainer(name, { volumes: true });
      return found;
    });
    await whileRunning(await startDockerd(root, driver), async (daemon) => {
      for (const { row, name } of numbered) {
        const [, image, , words] = row;
        const split = words.includes("--") ? words.indexOf("--") : words.length;
        const before = [...words.slice(0, split), "--name", name];
        const id =
          daemon
            .docker("create", ...before, image, ...words.slice(split + 1))
            .split("\n")
            .at(-1) ?? "";
        expect.soft(made.get(name), row[0]).toEqual(recordsOf(root, driver, id));
      }
    });
  });

  it("of layerfs are listed, inspected, compared, exported, committed, started and removed by docker", async () => {
    const root = newRoot();
    const sample = join(checkout, "sample/layerfs-sample.tar");
    const ours = await withEngine(root, driver, async (engine) => {
      await engine.load({ file: sample });
      await engine.createContainer("layerfs/sample:1", { name: "first", network: "none", command: ["/usr/bin/hello"] });
      await engine.createContainer("layerfs/sample:1", { name: "second", workingDir: "/new/dir", volumes: ["/home"] });
      const target = await engine.mount({ image: "first" });
      writeFileSync(join(target, "added"), "by layerfs");
      await engine.unmount({ target: "first" });
      return await Promise.all(["first", "second"].map((name) => engine.inspectContainer(name)));
    });
    await whileRunning(await startDockerd(root, driver), async ({ docker }) => {
      expect(docker("ps", "-a", "--format", "{{.Names}} {{.Status}}")).toBe("second Created\nfirst Created");
      expect(JSON.parse(docker("inspect", "first", "second"))).toEqual(JSON.parse(JSON.stringify(ours)));
      expect(docker("diff", "first").split("\n")).toEqual(["A /added"]);
      expect(docker("diff", "second").split("\n").sort()).toEqual(["A /new", "A /new/dir"]);
      docker("commit", "first", "committed:1");
      expect(docker("start", "-a", "first")).toMatch(/hello/i);
      docker("rename", "second", "third");
      docker("rm", "-v", "first", "third");
    });
    await withEngine(root, driver, async (engine) => {
      expect(await engine.containers({ all: true })).toEqual([]);
      expect(readdirSync(join(root, "containers"))).toEqual([]);
      expect((await engine.images()).map(({ repository }) => repository).sort()).toEqual([
        "committed",
        "layerfs/sample",
      ]);
    });
  });

  it("of docker are listed, inspected, mounted, renamed and removed by layerfs", async () => {
    const root = newRoot();
    let inspected: { Mounts: { Destination: string }[] } | undefined;
    let exported: readonly string[] = [];
    await withEngine(root, driver, (engine) => engine.load({ file: archive(app, plain) }));
    await whileRunning(await startDockerd(root, driver), async (daemon) => {
      const { docker } = daemon;
      docker("create", "--name", "first", "-v", "/logs", "-l", "a=b", "--network", "none", "app:1");
      docker("cp", join(checkout, "LICENSE"), "first:/added");
      docker("create", "--name", "second", "plain:1", "a");
      [inspected] = JSON.parse(docker("inspect", "first"));
      // Docker gives them in any order.
      inspected?.Mounts.sort((a, b) => (a.Destination < b.Destination ? -1 : 1));
      exported = withoutTimes(exportedTree(daemon, "first"));
      await withEngine(root, undefined, async (engine) => {
        expect((await engine.containers({ all: true })).map(({ name }) => name)).toEqual(["second", "first"]);
        expect(await engine.inspectContainer("first")).toEqual(inspected);
        const target = scratchDirectory();
        await engine.mount({ image: "first", target });
        expect(withoutTimes(target)).toEqual(exported);
        await engine.unmount({ target });
        await expect(engine.removeContainer("first")).rejects.toMatchObject({ code: "ROOT_IN_USE" });
      });
    });
    await withEngine(root, undefined, async (engine) => {
      await engine.renameContainer("first", "renamed");
      const target = await engine.mount({ image: "renamed" });
      expect(withoutTimes(target)).toEqual(exported);
      await expect(engine.removeContainer("renamed")).rejects.toMatchObject({ code: "CONFLICT" });
      await engine.unmount({ target: "renamed" });
      await engine.removeContainer("second");
    });
    await whileRunning(await startDockerd(root, driver), async ({ docker }) => {
      expect(docker("ps", "-a", "--format", "{{.Names}}")).toBe("renamed");
      expect(docker("diff", "renamed").split("\n")).toContain("A /added");
    });
    await withEngine(root, undefined, async (engine) => {
      await engine.removeContainer("renamed", { volumes: true });
      await engine.removeImage("app:1");
      await engine.removeImage("plain:1");
      expect(readdirSync(join(root, "image", driver, "layerdb", "mounts"))).toEqual([]);
      expect(readdirSync(join(root, "volumes")).sort()).toEqual(["backingFsBlockDev", "metadata.db"]);
      const layers = readdirSync(driver === "vfs" ? join(root, "vfs", "dir") : join(root, "overlay2"));
      expect(layers.filter((name) => /^[0-9a-f]{64}/.test(name))).toEqual([]);
    });
  });
});

function newRoot(): string {
  return join(mkdtempSync(join(place?.directory ?? "", "test-")), "root");
}

function archive(...images: readonly TestImage[]): string {
  const file = join(scratchDirectory(), "images.tar");
  writeFileSync(file, dockerArchive(images));
  return file;
}

/** All that is on disk of a container, with what differs from one to the next replaced. */
function recordsOf(root: string, driver: string, id: string): unknown {
  const record = (name: string): string =>
    readFileSync(join(root, "image", driver, "layerdb/mounts", id, name), "utf8");
  const document = JSON.parse(readFileSync(join(root, "containers", id, "config.v2.json"), "utf8"));
  const hostConfig = JSON.parse(readFileSync(join(root, "containers", id, "hostconfig.json"), "utf8"));
  // The client gives these in any order.
  hostConfig.Binds?.sort();
  document.Config.Env?.sort();
  const [mountID, initID] = [record("mount-id"), record("init-id")];
  const layer = (name: string): string =>
    driver === "vfs" ? join(root, "vfs/dir", name) : join(root, "overlay2", name, "diff");
  const volumes = Object.values<{ Name: string; Destination: string }>(document.MountPoints).filter(({ Name }) => Name);
  const text = JSON.stringify({ ...document, Created: "TIME" });
  return {
    document: neutral(text, id, ...volumes.map(({ Name }) => Name)),
    order: Object.keys(document),
    hostConfig: JSON.stringify(hostConfig),
    parent: record("parent"),
    isNamedAfter: initID === `${mountID}-init`,
    containerFiles: dumpTree(join(root, "containers", id)).map(({ path, type, mode }) => [path, type, mode]),
    init: withoutTimes(layer(initID)),
    own: withoutTimes(layer(mountID)),
    volumes: volumes.map(({ Name, Destination }) => [Destination, withoutTimes(join(root, "volumes", Name))]),
  };
}

function neutral(text: string, ...names: readonly string[]): unknown {
  const hex = names.filter((name) => /^[0-9a-f]{64}$/.test(name));
  const [id = ""] = names;
  return JSON.parse(
    hex.reduce((result, name) => result.replaceAll(name, "HEX"), text).replaceAll(id.slice(0, 12), "ID"),
  );
}

/** A line a node with all but times. The root of an unpacked archive is the directory that it was unpacked in. */
function withoutTimes(directory: string): string[] {
  return dumpTree(directory)
    .filter(({ path }) => path !== "")
    .map(({ mtime: _, ...row }) => JSON.stringify(row));
}
