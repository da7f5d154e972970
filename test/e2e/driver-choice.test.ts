import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from "vitest";
import { fileSystem, makeFileSystem, overlay, type TestFileSystem } from "../support/filesystems.ts";
import { dockerArchive } from "../support/image-builder.ts";
import { requires } from "../support/requires.ts";
import { scanStore } from "../support/scan-store.ts";
import { layerTar } from "../support/tar-builder.ts";

/* vfs works everywhere and takes a whole copy a layer, so nobody may come to it without having asked for it. */

const LAYERFS = join(import.meta.dirname, "../../bin/layerfs");
const layers = ["lower", "upper"].map((name) => layerTar([{ name, data: name }]));

interface Ran {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

describe("where overlay2 works, the command", () => {
  const missing = requires(overlay());
  let place: TestFileSystem;
  beforeAll(() => {
    if (missing === null) place = makeFileSystem("ext4");
  });
  afterAll(() => place?.[Symbol.dispose]());

  it("takes overlay2 by itself, and mounts by the kernel's overlayfs", () => {
    const root = newRoot(place);
    expect(load(root)).toMatchObject({ status: 0 });
    expect(driverOf(root)).toBe("overlay2");
    expect(readdirSync(root)).toContain("overlay2");
    expect(existsSync(join(root, "vfs"))).toBe(false);
    expect(scanStore(root, "overlay2")).toEqual([]);
    const { status, stdout } = layerfs(root, "mount", "choice:1");
    const target = stdout.trim();
    onTestFinished(() => void layerfs(root, "umount", target));
    expect(status).toBe(0);
    expect(mountedAs(target)).toBe("overlay");
    expect(readdirSync(target)).toEqual(expect.arrayContaining(["lower", "upper"]));
  });

  it("never opens a root with overlay2's layers as vfs, not even when overlay2 has stopped to work there", (context) => {
    const needed = fileSystem("ext4-without-d_type");
    if (needed !== null) context.skip(needed);
    const root = newRoot(place);
    load(root);
    using other = makeFileSystem("ext4-without-d_type");
    const moved = join(other.directory, "root");
    expect(spawnSync("cp", ["-a", root, moved]).status).toBe(0);
    renameSync(join(moved, "overlay2/l"), join(moved, "overlay2/not-l"));
    const { status, stdout, stderr } = layerfs(moved, "load", "-i", archiveIn(moved));
    expect({ status, stdout }).toEqual({ status: 1, stdout: "" });
    expect(stderr).toContain("overlay2");
    expect(layerfs(moved, "info").stdout).not.toContain("vfs");
    expect(layerfs(moved, "images").stdout).not.toContain("vfs");
    expect(readdirSync(moved)).not.toContain("vfs");
    expect(readdirSync(join(moved, "image"))).toEqual(["overlay2"]);
  });

  it("says by `images` what overlay2 holds, where vfs is asked for too", () => {
    const root = newRoot(place);
    load(root);
    expect(layerfs(root, "-s", "vfs", "-q", "images").stdout).toBe("");
    expect(layerfs(root, "-q", "images").stdout).not.toBe("");
    expect(load(root, "-s", "vfs")).toMatchObject({ status: 0 });
    expect(driverOf(root)).toBe("overlay2");
  });
});

describe("where overlay2 cannot work, the command", () => {
  const missing = requires(overlay(), fileSystem("ext4-without-d_type"));
  let place: TestFileSystem;
  beforeAll(() => {
    if (missing === null) place = makeFileSystem("ext4-without-d_type");
  });
  afterAll(() => place?.[Symbol.dispose]());

  it.each([
    ["load", ["load", "-i"]],
    ["info", ["info"]],
  ])("refuses `%s` with -s overlay2 and DRIVER_UNSUPPORTED, and leaves no vfs", (_name, words) => {
    const root = newRoot(place);
    const operands = words.at(-1) === "-i" ? [...words, archiveIn(root)] : words;
    const { status, stdout, stderr } = layerfs(root, "-s", "overlay2", "--format", "json", ...operands);
    expect({ status, stdout }).toEqual({ status: 1, stdout: "" });
    expect(stderr).toContain("DRIVER_UNSUPPORTED");
    expect(stderr).toContain("d_type");
    expect(readdirSync(root).filter((name) => name !== "archive.tar")).toEqual([]);
  });

  it("refuses -s overlay2 on an overlayfs, which the kernel takes for no upper directory", () => {
    using ext4 = makeFileSystem("ext4");
    const [lower, upper, work, merged] = ["lower", "upper", "work", "merged"].map((name) => {
      const directory = join(ext4.directory, name);
      mkdirSync(directory);
      return directory;
    }) as [string, string, string, string];
    const options = `lowerdir=${lower},upperdir=${upper},workdir=${work}`;
    expect(spawnSync("mount", ["-t", "overlay", "overlay", "-o", options, merged]).status).toBe(0);
    try {
      const { status, stderr } = load(merged, "-s", "overlay2", "--format", "json");
      expect(status).toBe(1);
      expect(stderr).toContain("DRIVER_UNSUPPORTED");
      expect(readdirSync(upper)).toEqual(["archive.tar"]);
    } finally {
      spawnSync("umount", [merged]);
    }
  });

  it("says why it takes another driver, if none is named", () => {
    const root = newRoot(place);
    expect(load(root)).toMatchObject({ status: 0 });
    expect(driverOf(root)).toBe("vfs");
    const empty = newRoot(place);
    const { choice } = JSON.parse(layerfs(empty, "--format", "json", "info").stdout);
    expect(choice.join("\n")).toMatch(/^vfs: .*\nnot overlay2: .*d_type/);
  });
});

function newRoot(place: TestFileSystem): string {
  return mkdtempSync(join(place.directory, "root-"));
}

function archiveIn(root: string): string {
  const path = join(root, "archive.tar");
  writeFileSync(path, dockerArchive([{ tags: ["choice:1"], layers }]));
  return path;
}

function load(root: string, ...options: readonly string[]): Ran {
  return layerfs(root, ...options, "load", "-i", archiveIn(root));
}

function driverOf(root: string): string {
  return JSON.parse(layerfs(root, "--format", "json", "info").stdout).driver;
}

function mountedAs(target: string): string | undefined {
  const mounts = readFileSync("/proc/self/mounts", "utf8").split("\n");
  return mounts.map((line) => line.split(" ")).find((fields) => fields[1] === target)?.[2];
}

function layerfs(root: string, ...words: readonly string[]): Ran {
  const env = { ...process.env, LAYERFS_NODE: process.execPath };
  return spawnSync(LAYERFS, ["--root", root, ...words], {
    encoding: "utf8",
    env,
    timeout: 25_000,
    killSignal: "SIGKILL",
  });
}
