import { closeSync, existsSync, mkdirSync, openSync, readdirSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";
import { mounting, requires, root } from "../../test/support/requires.ts";
import { scratchDirectory } from "../../test/support/scratch.ts";
import { tryMkdirat } from "./at.ts";
import { MNT_DETACH } from "./flags.ts";
import { tryMount, tryUnmount } from "./mount.ts";
import { removeContents, removeTree, removeTreeAsync } from "./remove-tree.ts";
import { TreeCursor } from "./tree-cursor.ts";

function opened(): { directory: string; dirfd: number } {
  const directory = scratchDirectory();
  const dirfd = openSync(directory, "r");
  onTestFinished(() => closeSync(dirfd));
  return { directory, dirfd };
}

/** A chain of directories, each with one file beside the next. */
function makeDeep(dirfd: number, depth: number): void {
  const part = Buffer.alloc(200, 100);
  using cursor = new TreeCursor(dirfd, Buffer.from("."));
  for (let level = 0; level < depth; level++) {
    expect(tryMkdirat(cursor.fd, part, 0o755)).toBe(0);
    cursor.enter(part);
  }
}

describe("removeTree", () => {
  it("removes files, symlinks without following them, and directories", () => {
    const { directory, dirfd } = opened();
    mkdirSync(join(directory, "keep"));
    writeFileSync(join(directory, "keep/f"), "");
    mkdirSync(join(directory, "a/b/c"), { recursive: true });
    writeFileSync(join(directory, "a/b/f"), "");
    symlinkSync("../../keep", join(directory, "a/b/s"));
    removeTree(dirfd, Buffer.from("a"));
    expect(readdirSync(directory)).toEqual(["keep"]);
    expect(readdirSync(join(directory, "keep"))).toEqual(["f"]);
  });

  it("removes a single file or symlink", () => {
    const { directory, dirfd } = opened();
    symlinkSync("/", join(directory, "s"));
    removeTree(dirfd, Buffer.from("s"));
    expect(readdirSync(directory)).toEqual([]);
  });

  it("succeeds on an absent name", () => {
    const { dirfd } = opened();
    expect(() => removeTree(dirfd, Buffer.from("absent"))).not.toThrow();
  });

  it("removes a tree deeper than PATH_MAX", () => {
    const { directory, dirfd } = opened();
    makeDeep(dirfd, 300);
    removeTree(dirfd, Buffer.alloc(200, 100));
    expect(readdirSync(directory)).toEqual([]);
  });
});

describe("removeTreeAsync", () => {
  it("removes everything and lets timers run meanwhile", async () => {
    const { directory, dirfd } = opened();
    for (let i = 0; i < 3000; i++) mkdirSync(join(directory, `a/${i}`), { recursive: true });
    let ticks = 0;
    const timer = setInterval(() => ticks++, 1);
    await removeTreeAsync(dirfd, Buffer.from("a"));
    clearInterval(timer);
    expect(readdirSync(directory)).toEqual([]);
    expect(ticks).toBeGreaterThan(0);
  });
});

describe("removeContents", () => {
  it("leaves the directory itself", () => {
    const { directory, dirfd } = opened();
    mkdirSync(join(directory, "a/b"), { recursive: true });
    writeFileSync(join(directory, "f"), "");
    removeContents(dirfd);
    expect(readdirSync(directory)).toEqual([]);
  });
});

describe("removeTree with a mount inside", () => {
  requires(root(), mounting());

  it("fails with CONFLICT and leaves what is mounted", () => {
    const { directory, dirfd } = opened();
    const mountPoint = join(directory, "a/m");
    mkdirSync(mountPoint, { recursive: true });
    expect(tryMount("tmpfs", mountPoint, "tmpfs", 0, "size=64k")).toBe(0);
    onTestFinished(() => void tryUnmount(mountPoint, MNT_DETACH));
    writeFileSync(join(mountPoint, "f"), "");
    expect(() => removeTree(dirfd, Buffer.from("a"))).toThrow(expect.objectContaining({ code: "CONFLICT" }));
    expect(existsSync(join(mountPoint, "f"))).toBe(true);
  });
});
