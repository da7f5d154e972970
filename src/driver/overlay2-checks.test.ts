import { spawnSync } from "node:child_process";
import { mkdirSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { machineRoot, overlay } from "../../test/support/filesystems.ts";
import { program, requires } from "../../test/support/requires.ts";
import { scratchDirectory } from "../../test/support/scratch.ts";
import { tryLock } from "../sys/lock.ts";
import {
  checkMount,
  examineNativeDiff,
  inUserNamespace,
  moduleParameter,
  mountOptions,
  supportsDType,
  sweepTestTrees,
} from "./overlay2-checks.ts";

describe("mountOptions", () => {
  it("switches the index off where the kernel has one", () => {
    const expected = moduleParameter("index") === null ? [] : ["index=off"];
    expect(mountOptions({ writable: false, userNamespace: false })).toEqual(expected);
  });

  it("keeps overlayfs's marks in user.* inside a user namespace", () => {
    expect(mountOptions({ writable: true, userNamespace: true })).toContain("userxattr");
  });
});

describe("inUserNamespace", () => {
  requires(machineRoot());

  it("is false for root of the machine", () => {
    expect(inUserNamespace()).toBe(false);
  });
});

describe("moduleParameter", () => {
  it("is null for one that the kernel does not have", () => {
    expect(moduleParameter("no_such_parameter")).toBeNull();
  });
});

describe("sweepTestTrees", () => {
  it("removes what a crash left, and neither what is in use nor dockerd's own nor a layer", () => {
    const directory = scratchDirectory();
    const names = ["check-overlayfs-layerfs-left", "check-overlayfs-layerfs-used", "check-overlayfs-support1", "layer"];
    for (const name of names) mkdirSync(join(directory, name, "x"), { recursive: true });
    using _used = tryLock(join(directory, "check-overlayfs-layerfs-used"), "exclusive");
    sweepTestTrees(directory);
    expect(readdirSync(directory).sort()).toEqual(names.slice(1));
  });
});

describe("the checks of overlay2", () => {
  requires(machineRoot(), overlay());

  it("pass on an ordinary file system and leave nothing behind", () => {
    const directory = scratchDirectory();
    expect(() => checkMount(directory, ["index=off"])).not.toThrow();
    expect(supportsDType(directory)).toBe(true);
    expect(examineNativeDiff(directory, ["index=off"])).toEqual({ obstacle: null });
    expect(readdirSync(directory)).toEqual([]);
  });

  it("find that redirects spoil the native diff", () => {
    expect(examineNativeDiff(scratchDirectory(), ["redirect_dir=on"])).toEqual({
      obstacle: "the kernel renames directories by redirects",
    });
  });

  it("do not trust the native diff in a user namespace", () => {
    expect(examineNativeDiff(scratchDirectory(), ["userxattr"]).obstacle).toMatch(/user namespace/);
  });

  it("say what was tried and what the kernel answered", () => {
    const directory = scratchDirectory();
    expect(() => checkMount(directory, ["bogus"])).toThrow(
      expect.objectContaining({
        code: "DRIVER_UNSUPPORTED",
        message: expect.stringMatching(/test mount of overlayfs in .*: EINVAL, overlay: Unknown parameter 'bogus'$/),
      }),
    );
    expect(readdirSync(directory)).toEqual([]);
  });
});

describe("the checks of overlay2 without privilege", () => {
  requires(overlay(), program("setpriv"));

  it("fail with DRIVER_UNSUPPORTED and a hint", () => {
    const directory = scratchDirectory();
    const url = JSON.stringify(new URL("./overlay2-checks.ts", import.meta.url).href);
    const script = `
      const { checkMount } = await import(${url});
      try {
        checkMount(${JSON.stringify(directory)}, []);
      } catch (error) {
        console.log(JSON.stringify({ code: error.code, errno: error.errno, hint: error.hint }));
      }
    `;
    const words = ["--bounding-set=-sys_admin", "--inh-caps=-sys_admin", process.execPath, "--input-type=module", "-e"];
    const result = spawnSync("setpriv", [...words, script], { encoding: "utf8" });
    expect(JSON.parse(result.stdout)).toEqual({
      code: "DRIVER_UNSUPPORTED",
      errno: "EPERM",
      hint: expect.stringContaining("CAP_SYS_ADMIN"),
    });
  });
});
