import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";
import { overlay } from "../../test/support/filesystems.ts";
import { requires } from "../../test/support/requires.ts";
import { scratchDirectory } from "../../test/support/scratch.ts";
import { tryOpenat } from "./at.ts";
import { EINVAL, ENODEV, EROFS } from "./errno.ts";
import { close } from "./file.ts";
import { MNT_DETACH, MS_RDONLY } from "./flags.ts";
import {
  type FileSystemContext,
  MOUNT_ATTR_RDONLY,
  tryAttach,
  tryCloneMount,
  tryFsopen,
  tryMount,
  trySetAttributes,
  tryUnmount,
} from "./mount.ts";
import { readMountInfo } from "./mountinfo.ts";

function mountPoint(): string {
  const path = join(scratchDirectory(), "mnt");
  mkdirSync(path);
  onTestFinished(() => void tryUnmount(path, MNT_DETACH));
  return path;
}

function opened(type: string): FileSystemContext {
  const context = tryFsopen(type);
  if (typeof context === "number") throw new Error(`fsopen ${type}: ${context}`);
  onTestFinished(() => context[Symbol.dispose]());
  return context;
}

describe("mount options", () => {
  it("are refused, not cut, when they are longer than the kernel reads", () => {
    expect(() => tryMount("a", "/absent", "overlay", 0, "x".repeat(4096))).toThrow(RangeError);
  });
});

describe("mounting", () => {
  requires(overlay());

  it("mounts and unmounts by mount(2)", () => {
    const target = mountPoint();
    expect(tryMount("tmpfs", target, "tmpfs", MS_RDONLY, "size=64k")).toBe(0);
    expect(readMountInfo().find((mount) => mount.mountPoint === target)).toMatchObject({ fsType: "tmpfs" });
    expect(() => writeFileSync(join(target, "f"), "")).toThrow("EROFS");
    expect(tryUnmount(target, 0)).toBe(0);
    expect(tryUnmount(target, 0)).toBe(-EINVAL);
  });

  it("mounts by a file system context, readable before it is attached", () => {
    const context = opened("tmpfs");
    expect(context.setString("size", "64k")).toBe(0);
    expect(context.create()).toBe(0);
    const fd = context.mount(0);
    onTestFinished(() => close(fd));
    writeFileSync(`/proc/self/fd/${fd}/f`, "text");
    const target = mountPoint();
    expect(tryAttach(fd, target)).toBe(0);
    expect(readFileSync(join(target, "f"), "utf8")).toBe("text");
  });

  it("tells what the kernel says of a wrong option", () => {
    const context = opened("overlay");
    expect(context.setString("bogus", "1")).toBe(-EINVAL);
    expect(context.message()).toBe("overlay: Unknown parameter 'bogus'");
    expect(context.message()).toBe("");
  });

  it("clones a mount and makes the clone read-only", () => {
    const source = scratchDirectory();
    writeFileSync(join(source, "f"), "text");
    const fd = tryCloneMount(source, false);
    onTestFinished(() => close(fd));
    expect(trySetAttributes(fd, MOUNT_ATTR_RDONLY)).toBe(0);
    const target = mountPoint();
    expect(tryAttach(fd, target)).toBe(0);
    expect(readdirSync(target)).toEqual(["f"]);
    expect(tryOpenat(fd, Buffer.from("g"), 0o101, 0o600)).toBe(-EROFS);
  });

  it("gives -ENODEV for a file system that the kernel does not have", () => {
    expect(tryFsopen("no-such-fs")).toBe(-ENODEV);
  });
});
