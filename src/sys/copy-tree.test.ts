import { execFileSync } from "node:child_process";
import {
  closeSync,
  lstatSync,
  mkdirSync,
  openSync,
  readFileSync,
  statSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";
import { fileSystem, machineRoot, makeFileSystem } from "../../test/support/filesystems.ts";
import { requires } from "../../test/support/requires.ts";
import { scratchDirectory } from "../../test/support/scratch.ts";
import { fchownat, tryLinkat, tryMkdirat, tryMknodat, tryOpenat, trySymlinkat, utimensat } from "./at.ts";
import { copyTree, copyTreeAsync } from "./copy-tree.ts";
import { close, pwrite, syncfs } from "./file.ts";
import { O_CREAT, O_WRONLY, S_IFCHR, S_IFIFO } from "./flags.ts";
import { removeContents } from "./remove-tree.ts";
import { fstat, statfs, tryStatat } from "./stat.ts";
import { TreeCursor } from "./tree-cursor.ts";
import { getXattr, setXattr } from "./xattr.ts";

const name = (text: string) => Buffer.from(text);

function sourceAndTarget(): { source: string; target: string; from: number; to: number } {
  const directory = scratchDirectory();
  const [source, target] = [join(directory, "source"), join(directory, "target")];
  mkdirSync(source);
  mkdirSync(target);
  const [from, to] = [openSync(source, "r"), openSync(target, "r")];
  onTestFinished(() => [from, to].forEach(closeSync));
  return { source, target, from, to };
}

describe("copyTree", () => {
  it("keeps names, content, modes, times and symlinks", () => {
    const { source, target, from, to } = sourceAndTarget();
    const mtime = { seconds: -7, nanoseconds: 123_456_789 };
    mkdirSync(join(source, "d"), { mode: 0o1711 });
    writeFileSync(join(source, "d/f"), "content", { mode: 0o4750 });
    trySymlinkat(Buffer.from([0x2f, 0xff]), from, name("s"));
    for (const path of ["d/f", "s", "d"]) utimensat(from, name(path), mtime);
    utimensat(from, name("."), mtime);
    copyTree(source, target);
    expect(readFileSync(join(target, "d/f"), "utf8")).toBe("content");
    expect(tryStatat(to, name("d/f"))).toMatchObject({ mode: statSync(join(source, "d/f")).mode & 0o7777, mtime });
    expect(tryStatat(to, name("d"))).toMatchObject({ mode: statSync(join(source, "d")).mode & 0o7777, mtime });
    expect(tryStatat(to, name("s"))).toMatchObject({ kind: "symlink", size: 2, mtime });
    expect(fstat(to)).toMatchObject({ mtime });
  });

  it("keeps hard links, within and across directories", () => {
    const { source, target, from } = sourceAndTarget();
    mkdirSync(join(source, "a"));
    mkdirSync(join(source, "b"));
    writeFileSync(join(source, "a/one"), "1");
    tryLinkat(from, name("a/one"), from, name("b/two"));
    tryLinkat(from, name("a/one"), from, name("three"));
    copyTree(source, target);
    const inodes = ["a/one", "b/two", "three"].map((path) => lstatSync(join(target, path)).ino);
    expect(new Set(inodes).size).toBe(1);
    expect(lstatSync(join(target, "three"))).toMatchObject({ nlink: 3, size: 1 });
  });

  it("keeps the holes of sparse files", () => {
    const { source, target, from } = sourceAndTarget();
    const fd = tryOpenat(from, name("sparse"), O_WRONLY | O_CREAT, 0o600);
    pwrite(fd, Buffer.alloc(4096, 1), 0);
    pwrite(fd, Buffer.alloc(4096, 2), 8 * 1024 * 1024);
    close(fd);
    writeFileSync(join(source, "hole"), "");
    truncateSync(join(source, "hole"), 1024 * 1024);
    copyTree(source, target);
    expect(readFileSync(join(target, "sparse")).equals(readFileSync(join(source, "sparse")))).toBe(true);
    expect(lstatSync(join(target, "sparse")).blocks).toBeLessThan(64);
    expect(lstatSync(join(target, "hole"))).toMatchObject({ size: 1024 * 1024, blocks: 0 });
  });

  it("copies a tree deeper than PATH_MAX, with a hard link from its bottom to its top", () => {
    const { source, target, from, to } = sourceAndTarget();
    const part = Buffer.alloc(200, 100);
    {
      using cursor = new TreeCursor(from, name("."));
      for (let level = 0; level < 30; level++) {
        tryMkdirat(cursor.fd, part, 0o755);
        cursor.enter(part);
      }
      close(tryOpenat(cursor.fd, name("bottom"), O_WRONLY | O_CREAT, 0o600));
      expect(tryLinkat(cursor.fd, name("bottom"), from, name("zz"))).toBe(0);
      expect(tryLinkat(cursor.fd, name("bottom"), from, name("aa"))).toBe(0);
    }
    copyTree(source, target);
    expect(tryStatat(to, name("zz"))).toMatchObject({ nlink: 3 });
    removeContents(from);
    removeContents(to);
  });
});

describe("copyTreeAsync", () => {
  it("copies as copyTree does", async () => {
    const { source, target } = sourceAndTarget();
    mkdirSync(join(source, "d"));
    writeFileSync(join(source, "d/f"), "content");
    await copyTreeAsync(source, target);
    expect(readFileSync(join(target, "d/f"), "utf8")).toBe("content");
  });

  it("stops with CANCELLED when its signal is aborted", async () => {
    const { source, target } = sourceAndTarget();
    await expect(copyTreeAsync(source, target, AbortSignal.abort())).rejects.toMatchObject({ code: "CANCELLED" });
  });
});

describe("copyTree as root", () => {
  requires(machineRoot());

  it("keeps owners, devices, fifos and extended attributes, of symlinks too", () => {
    const { source, target, from, to } = sourceAndTarget();
    writeFileSync(join(source, "f"), "");
    trySymlinkat(name("f"), from, name("s"));
    tryMknodat(from, name("c"), S_IFCHR, 0, 0);
    tryMknodat(from, name("p"), S_IFIFO | 0o600, 0, 0);
    fchownat(from, name("s"), 5, 6);
    fchownat(from, name("f"), 1000, 100_000);
    const capability = Buffer.from("0100000200200000000000000000000000000000", "hex");
    setXattr(from, name("f"), "security.capability", capability);
    setXattr(from, name("s"), "trusted.x", Buffer.from([0]));
    setXattr(from, name("."), "trusted.overlay.opaque", name("y"));
    copyTree(source, target);
    expect(tryStatat(to, name("f"))).toMatchObject({ uid: 1000, gid: 100_000 });
    expect(tryStatat(to, name("s"))).toMatchObject({ kind: "symlink", uid: 5, gid: 6 });
    expect(tryStatat(to, name("c"))).toMatchObject({ kind: "char", mode: 0, rdevMajor: 0, rdevMinor: 0 });
    expect(tryStatat(to, name("p"))).toMatchObject({ kind: "fifo", mode: 0o600 });
    expect(getXattr(to, name("f"), "security.capability")).toEqual(capability);
    expect(getXattr(to, name("s"), "trusted.x")).toEqual(Buffer.from([0]));
    expect(getXattr(to, name("."), "trusted.overlay.opaque")).toEqual(name("y"));
  });
});

describe.each(["btrfs", "xfs"] as const)("copyTree on %s", (kind) => {
  requires(fileSystem(kind));

  it("shares the data with the source", () => {
    using made = makeFileSystem(kind);
    const [source, target] = [join(made.directory, "source"), join(made.directory, "target")];
    mkdirSync(source);
    mkdirSync(target);
    writeFileSync(join(source, "f"), Buffer.alloc(32 * 1024 * 1024 + 5, 1));
    const before = usedBytes(made.directory);
    copyTree(source, target);
    expect(usedBytes(made.directory) - before).toBeLessThan(4 * 1024 * 1024);
    execFileSync("cmp", [join(source, "f"), join(target, "f")]);
  });
});

function usedBytes(directory: string): number {
  const fd = openSync(directory, "r");
  try {
    syncfs(fd);
    const { blocks, blockSize, available } = statfs(fd);
    return blocks * blockSize - available;
  } finally {
    closeSync(fd);
  }
}
