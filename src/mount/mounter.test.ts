import { spawn } from "node:child_process";
import { once } from "node:events";
import { closeSync, openSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";
import { mounting, requires, root } from "../../test/support/requires.ts";
import { scratchDirectory } from "../../test/support/scratch.ts";
import type { BindStep } from "../driver/plan.ts";
import { readMountInfo } from "../sys/mountinfo.ts";
import { mountAll, unmount } from "./mounter.ts";

requires(root(), mounting());

function bind(): BindStep {
  const [source, target] = [scratchDirectory(), scratchDirectory()];
  onTestFinished(() => unmount(target, { lazy: true }));
  writeFileSync(join(source, "f"), "");
  return { kind: "bind", source, target, readOnly: false };
}

function isMounted(target: string): boolean {
  return readMountInfo().some((mount) => mount.mountPoint === target);
}

describe("mountAll", () => {
  it("carries out all steps in order", async () => {
    const first = bind();
    const second = { ...bind(), source: first.target };
    await mountAll([first, second]);
    expect(readdirSync(second.target)).toEqual(["f"]);
  });

  it("undoes the steps before the one that fails, and throws its error", async () => {
    const steps = [bind(), bind(), { ...bind(), source: "/absent" }];
    await expect(mountAll(steps)).rejects.toMatchObject({ code: "MOUNT_FAILED" });
    expect(steps.map((step) => isMounted(step.target))).toEqual([false, false, false]);
  });
});

describe("unmount", () => {
  it("undoes a mount, and can be repeated", async () => {
    const step = bind();
    await mountAll([step]);
    await unmount(step.target);
    await unmount(step.target);
    expect(isMounted(step.target)).toBe(false);
  });

  it("succeeds where the target is gone", async () => {
    await expect(unmount("/absent/target")).resolves.toBeUndefined();
  });

  it("fails with CONFLICT while a program works there, and names it", async () => {
    const step = bind();
    await mountAll([step]);
    const program = spawn("sh", ["-c", "echo started; exec sleep 60"], { cwd: step.target });
    await once(program.stdout, "data");
    await expect(unmount(step.target)).rejects.toMatchObject({
      code: "CONFLICT",
      errno: "EBUSY",
      message: expect.stringContaining(`${program.pid}`),
    });
    program.kill("SIGKILL");
    await once(program, "exit");
    await unmount(step.target);
    expect(isMounted(step.target)).toBe(false);
  });

  it("detaches a tree in use when told to", async () => {
    const step = bind();
    await mountAll([step]);
    const fd = openSync(join(step.target, "f"), "r");
    onTestFinished(() => closeSync(fd));
    await expect(unmount(step.target)).rejects.toMatchObject({ code: "CONFLICT" });
    await unmount(step.target, { lazy: true });
    expect(isMounted(step.target)).toBe(false);
  });
});
