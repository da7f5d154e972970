import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, readdirSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";
import { mounting, requires, root } from "../../test/support/requires.ts";
import { scratchDirectory } from "../../test/support/scratch.ts";
import { mountNamespace } from "../sys/namespace.ts";
import { type MountRecord, mountHolders, staleness } from "./holders.ts";
import { mountAll, unmount } from "./mounter.ts";

const mount = { target: "/mnt/x", kind: "image", layers: ["a", "b"] };

describe("the records of mounts", () => {
  it("are kept, one private file each, and told in the order of their time", () => {
    const directory = scratchDirectory();
    const holders = mountHolders(directory);
    const first = holders.add(mount);
    const second = holders.add({ ...mount, kind: "container", rwLayer: "c" });
    expect(new Set(holders.list().map((record) => record.id))).toEqual(new Set([first.id, second.id]));
    expect(holders.list()).toContainEqual(second);
    expect(first).toMatchObject({ ...mount, mountNamespace: mountNamespace(), time: expect.stringMatching(/Z$/) });
    expect(statSync(join(directory, "layerfs/mounts", `${first.id}.json`)).mode & 0o777).toBe(0o600);
  });

  it("can be removed twice", () => {
    const holders = mountHolders(scratchDirectory());
    const { id } = holders.add(mount);
    holders.remove(id);
    holders.remove(id);
    expect(holders.list()).toEqual([]);
  });

  it("are none where there is no directory, and looking makes none", () => {
    const directory = scratchDirectory();
    expect(mountHolders(directory).list()).toEqual([]);
    expect(readdirSync(directory)).toEqual([]);
  });

  it("that a power cut left empty are passed over", () => {
    const directory = scratchDirectory();
    mkdirSync(join(directory, "layerfs/mounts"), { recursive: true });
    writeFileSync(join(directory, "layerfs/mounts/0.json"), "");
    expect(mountHolders(directory).list()).toEqual([]);
  });
});

describe("a record is stale", () => {
  const record = (): MountRecord => mountHolders(scratchDirectory()).add(mount);

  it.each([
    ["after a new start of the machine", { bootID: "other" }, /started anew/],
    ["when nothing is mounted at its target", {}, /nothing is mounted/],
  ])("%s", (_, change, reason) => {
    expect(staleness({ ...record(), ...change })).toMatch(reason);
  });
});

describe("a record of another namespace", () => {
  it("is stale when that is gone, as far as this user can tell", () => {
    const record = { ...mountHolders(scratchDirectory()).add(mount), mountNamespace: "1" };
    const isRoot = process.geteuid?.() === 0;
    expect(staleness(record)).toBe(isRoot ? "its mount namespace is gone" : null);
  });
});

describe("a record is not stale", () => {
  requires(root(), mounting());

  it("while its target is a mount point", async () => {
    const [source, target] = [scratchDirectory(), scratchDirectory()];
    const record = mountHolders(scratchDirectory()).add({ ...mount, target });
    await mountAll([{ kind: "bind", source, target, readOnly: true }]);
    onTestFinished(() => unmount(target));
    expect(staleness(record)).toBeNull();
  });

  it("while the mount is there in another namespace, and no longer than that namespace", async () => {
    const target = scratchDirectory();
    const script = 'mount -t tmpfs none "$1"; readlink /proc/self/ns/mnt; exec sleep 60';
    const program = spawn("unshare", ["--mount", "--propagation", "private", "sh", "-c", script, "sh", target]);
    const [line] = await once(program.stdout, "data");
    const namespace = /\[(\d+)\]/.exec(String(line))?.[1] ?? "";
    const record = { ...mountHolders(scratchDirectory()).add({ ...mount, target }), mountNamespace: namespace };
    expect(staleness(record)).toBeNull();
    expect(staleness({ ...record, target: "/absent" })).toMatch(/nothing is mounted/);
    program.kill("SIGKILL");
    await once(program, "exit");
    expect(staleness(record)).toMatch(/namespace is gone/);
  });
});
