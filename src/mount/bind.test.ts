import { mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";
import { mounting, requires, root } from "../../test/support/requires.ts";
import { scratchDirectory } from "../../test/support/scratch.ts";
import type { BindStep } from "../driver/plan.ts";
import { MNT_DETACH } from "../sys/flags.ts";
import { tryMount, tryUnmount } from "../sys/mount.ts";
import { type BindMethod, mountBind } from "./bind.ts";

const METHODS: readonly BindMethod[] = ["clone", "remount"];

function step(readOnly: boolean): BindStep {
  const [source, target] = [scratchDirectory(), scratchDirectory()];
  onTestFinished(() => void tryUnmount(target, MNT_DETACH));
  return { kind: "bind", source, target, readOnly };
}

describe.each(METHODS)("a bind mount by %s", (method) => {
  requires(root(), mounting());

  it("shows the source and writes to it", () => {
    const planned = step(false);
    mountBind(planned, method);
    writeFileSync(join(planned.target, "f"), "");
    expect(readdirSync(planned.source)).toEqual(["f"]);
  });

  it("can be read-only while the source stays writable", () => {
    const planned = step(true);
    mountBind(planned, method);
    expect(() => writeFileSync(join(planned.target, "f"), "")).toThrow("EROFS");
    writeFileSync(join(planned.source, "f"), "");
    expect(readdirSync(planned.target)).toEqual(["f"]);
  });

  it("leaves out what is mounted below the source", () => {
    const planned = step(true);
    const below = join(planned.source, "m");
    mkdirSync(below);
    expect(tryMount("tmpfs", below, "tmpfs", 0, "size=64k")).toBe(0);
    onTestFinished(() => void tryUnmount(below, MNT_DETACH));
    writeFileSync(join(below, "hidden"), "");
    mountBind(planned, method);
    expect(readdirSync(join(planned.target, "m"))).toEqual([]);
  });

  it("fails with MOUNT_FAILED where the source is missing", () => {
    const planned = { ...step(true), source: "/absent/source" };
    expect(() => mountBind(planned, method)).toThrow(
      expect.objectContaining({
        code: "MOUNT_FAILED",
        errno: "ENOENT",
        message: expect.stringContaining("/absent/source"),
      }),
    );
  });
});
