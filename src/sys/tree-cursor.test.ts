import { closeSync, mkdirSync, openSync, renameSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";
import { mounting, requires, root } from "../../test/support/requires.ts";
import { scratchDirectory } from "../../test/support/scratch.ts";
import { MNT_DETACH } from "./flags.ts";
import { tryMount, tryUnmount } from "./mount.ts";
import { readDirectory } from "./read-dir.ts";
import { TreeCursor } from "./tree-cursor.ts";

const name = (text: string) => Buffer.from(text);

function started(): { directory: string; cursor: TreeCursor } {
  const directory = scratchDirectory();
  const dirfd = openSync(directory, "r");
  const cursor = new TreeCursor(dirfd, name("."));
  closeSync(dirfd);
  onTestFinished(() => cursor[Symbol.dispose]());
  return { directory, cursor };
}

describe("TreeCursor", () => {
  it("goes down and up with one descriptor", () => {
    const { directory, cursor } = started();
    mkdirSync(join(directory, "a/b"), { recursive: true });
    cursor.enter(name("a"));
    cursor.enter(name("b"));
    expect(cursor.depth).toBe(2);
    cursor.leave();
    expect(readDirectory(cursor.fd).map((entry) => entry.name.toString())).toEqual(["b"]);
    cursor.leave();
    expect(cursor.depth).toBe(0);
  });

  it("does not enter through a symlink", () => {
    const { directory, cursor } = started();
    symlinkSync("/etc", join(directory, "s"));
    expect(() => cursor.enter(name("s"))).toThrow(expect.objectContaining({ errno: "ENOTDIR" }));
  });

  it("notices that its directory was moved", () => {
    const { directory, cursor } = started();
    mkdirSync(join(directory, "a/b"), { recursive: true });
    mkdirSync(join(directory, "elsewhere"));
    cursor.enter(name("a"));
    cursor.enter(name("b"));
    renameSync(join(directory, "a/b"), join(directory, "elsewhere/b"));
    expect(() => cursor.leave()).toThrow(expect.objectContaining({ code: "CONFLICT" }));
  });
});

describe("TreeCursor at a mount point", () => {
  requires(root(), mounting());

  it("does not enter", () => {
    const { directory, cursor } = started();
    const mountPoint = join(directory, "m");
    mkdirSync(mountPoint);
    expect(tryMount("tmpfs", mountPoint, "tmpfs", 0, "size=64k")).toBe(0);
    onTestFinished(() => void tryUnmount(mountPoint, MNT_DETACH));
    expect(() => cursor.enter(name("m"))).toThrow(
      expect.objectContaining({ code: "CONFLICT", message: "m is a mount point" }),
    );
  });
});
