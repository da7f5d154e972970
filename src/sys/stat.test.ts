import { closeSync, linkSync, lstatSync, openSync, statfsSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";
import { scratchDirectory } from "../../test/support/scratch.ts";
import { fstat, statfs, tryStatat } from "./stat.ts";

function opened(): { directory: string; dirfd: number } {
  const directory = scratchDirectory();
  const dirfd = openSync(directory, "r");
  onTestFinished(() => closeSync(dirfd));
  return { directory, dirfd };
}

describe("tryStatat", () => {
  it("tells what Node's lstat tells", () => {
    const { directory, dirfd } = opened();
    const path = join(directory, "f");
    writeFileSync(path, "x".repeat(9000), { mode: 0o640 });
    linkSync(path, join(directory, "g"));
    const known = lstatSync(path, { bigint: true });
    expect(tryStatat(dirfd, Buffer.from("f"))).toEqual({
      kind: "file",
      mode: 0o640,
      uid: Number(known.uid),
      gid: Number(known.gid),
      size: 9000,
      ctime: { seconds: Number(known.ctimeNs / 10n ** 9n), nanoseconds: Number(known.ctimeNs % 10n ** 9n) },
      mtime: { seconds: Number(known.mtimeNs / 1_000_000_000n), nanoseconds: Number(known.mtimeNs % 1_000_000_000n) },
      ino: known.ino,
      dev: `${known.dev >> 8n}:${known.dev & 255n}`,
      nlink: 2,
      rdevMajor: 0,
      rdevMinor: 0,
      blocks: Number(known.blocks),
    });
  });

  it("does not follow a symlink and gives -errno for an absent name", () => {
    const { directory, dirfd } = opened();
    symlinkSync("/etc", join(directory, "s"));
    expect(tryStatat(dirfd, Buffer.from("s"))).toMatchObject({ kind: "symlink", size: 4 });
    expect(tryStatat(dirfd, Buffer.from("absent"))).toBe(-2);
  });

  it("knows devices", () => {
    const dirfd = openSync("/dev", "r");
    onTestFinished(() => closeSync(dirfd));
    expect(tryStatat(dirfd, Buffer.from("null"))).toMatchObject({ kind: "char", rdevMajor: 1, rdevMinor: 3 });
  });
});

describe("fstat and statfs", () => {
  it("tell of the open file", () => {
    const { directory, dirfd } = opened();
    const known = statfsSync(directory);
    expect(fstat(dirfd)).toMatchObject({ kind: "directory", ino: lstatSync(directory, { bigint: true }).ino });
    expect(statfs(dirfd)).toMatchObject({
      type: known.type,
      blockSize: known.bsize,
      blocks: known.blocks,
      readOnly: false,
    });
    expect(statfs(dirfd).available).toBeGreaterThan(0);
  });
});
