import { closeSync, lstatSync, openSync, readFileSync, readlinkSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";
import { machineRoot } from "../../test/support/filesystems.ts";
import { requires } from "../../test/support/requires.ts";
import { scratchDirectory } from "../../test/support/scratch.ts";
import {
  fchmod,
  fchmodat,
  fchownat,
  futimens,
  openPath,
  readlinkat,
  tryLinkat,
  tryMkdirat,
  tryMknodat,
  tryOpenat,
  tryOpenat2,
  tryRenameat2,
  trySymlinkat,
  tryUnlinkat,
  umask,
  utimensat,
} from "./at.ts";
import { EEXIST, ELOOP, ENAMETOOLONG, ENOENT, EXDEV } from "./errno.ts";
import { close } from "./file.ts";
import {
  AT_REMOVEDIR,
  O_CREAT,
  O_DIRECTORY,
  O_EXCL,
  O_NOFOLLOW,
  O_RDONLY,
  O_WRONLY,
  RENAME_EXCHANGE,
  RENAME_NOREPLACE,
  RESOLVE_BENEATH,
  RESOLVE_IN_ROOT,
  S_IFCHR,
  S_IFIFO,
} from "./flags.ts";
import { fstat, tryStatat } from "./stat.ts";

const name = (text: string) => Buffer.from(text);

function opened(): { directory: string; dirfd: number } {
  const directory = scratchDirectory();
  const dirfd = openSync(directory, O_RDONLY | O_DIRECTORY);
  onTestFinished(() => closeSync(dirfd));
  return { directory, dirfd };
}

describe("tryOpenat", () => {
  it("opens close-on-exec and gives -errno where it cannot", () => {
    const { dirfd } = opened();
    const fd = tryOpenat(dirfd, name("a"), O_WRONLY | O_CREAT | O_EXCL, 0o644);
    expect(readFileSync(`/proc/self/fdinfo/${fd}`, "utf8")).toMatch(/^flags:\t0*2\d{6}$/m);
    close(fd);
    expect(tryOpenat(dirfd, name("a"), O_WRONLY | O_CREAT | O_EXCL, 0o644)).toBe(-EEXIST);
    expect(tryOpenat(dirfd, name("b"), O_RDONLY)).toBe(-ENOENT);
    expect(tryOpenat(dirfd, Buffer.alloc(5000, 97), O_RDONLY)).toBe(-ENAMETOOLONG);
  });

  it("takes a name that is not UTF-8", () => {
    const { dirfd } = opened();
    const bytes = Buffer.from([0x66, 0xff, 0xfe]);
    close(tryOpenat(dirfd, bytes, O_WRONLY | O_CREAT, 0o600));
    expect(tryStatat(dirfd, bytes)).toMatchObject({ kind: "file", mode: 0o600 });
  });

  it("refuses a symlink under O_NOFOLLOW", () => {
    const { directory, dirfd } = opened();
    symlinkSync("/etc/passwd", join(directory, "s"));
    expect(tryOpenat(dirfd, name("s"), O_RDONLY | O_NOFOLLOW)).toBe(-ELOOP);
  });
});

describe("tryOpenat2", () => {
  it("keeps an absolute symlink inside with RESOLVE_IN_ROOT", () => {
    const { directory, dirfd } = opened();
    writeFileSync(join(directory, "target"), "inside");
    symlinkSync("/target", join(directory, "s"));
    const fd = tryOpenat2(dirfd, name("../../s"), O_RDONLY, 0, RESOLVE_IN_ROOT);
    expect(readFileSync(fd, "utf8")).toBe("inside");
    close(fd);
    symlinkSync("/etc/passwd", join(directory, "outside"));
    expect(tryOpenat2(dirfd, name("outside"), O_RDONLY, 0, RESOLVE_IN_ROOT)).toBe(-ENOENT);
  });

  it("refuses to leave with RESOLVE_BENEATH", () => {
    const { dirfd } = opened();
    expect(tryOpenat2(dirfd, name("../x"), O_RDONLY, 0, RESOLVE_BENEATH)).toBe(-EXDEV);
  });
});

describe("openPath", () => {
  it("throws with the path in the message", () => {
    expect(() => openPath("/absent/x", O_RDONLY)).toThrow("cannot open /absent/x: ENOENT");
  });
});

describe("making and removing names", () => {
  it("makes directories, symlinks, hard links and fifos", () => {
    const { directory, dirfd } = opened();
    expect(tryMkdirat(dirfd, name("d"), 0o755)).toBe(0);
    expect(trySymlinkat(name("to"), dirfd, name("s"))).toBe(0);
    expect(tryMknodat(dirfd, name("p"), S_IFIFO | 0o600, 0, 0)).toBe(0);
    expect(tryLinkat(dirfd, name("s"), dirfd, name("t"))).toBe(0);
    expect(readlinkSync(join(directory, "t"))).toBe("to");
    expect(readlinkat(dirfd, name("s"))).toEqual(name("to"));
    expect(tryStatat(dirfd, name("p"))).toMatchObject({ kind: "fifo" });
    expect(tryUnlinkat(dirfd, name("t"))).toBe(0);
    expect(tryUnlinkat(dirfd, name("d"), AT_REMOVEDIR)).toBe(0);
    expect(tryUnlinkat(dirfd, name("d"), AT_REMOVEDIR)).toBe(-ENOENT);
  });

  it("renames without replacing, and exchanges", () => {
    const { directory, dirfd } = opened();
    writeFileSync(join(directory, "a"), "A");
    writeFileSync(join(directory, "b"), "B");
    expect(tryRenameat2(dirfd, name("a"), dirfd, name("b"), RENAME_NOREPLACE)).toBe(-EEXIST);
    expect(tryRenameat2(dirfd, name("a"), dirfd, name("b"), RENAME_EXCHANGE)).toBe(0);
    expect(readFileSync(join(directory, "a"), "utf8")).toBe("B");
  });
});

describe("attributes", () => {
  it.each([
    ["after 1970", { seconds: 1_700_000_000, nanoseconds: 123_456_789 }],
    ["before 1970", { seconds: -2, nanoseconds: 999_999_999 }],
    ["past 2038", { seconds: 2 ** 33 + 5, nanoseconds: 1 }],
  ])("keep a time %s to the nanosecond", (_, mtime) => {
    const { directory, dirfd } = opened();
    symlinkSync("nowhere", join(directory, "s"));
    writeFileSync(join(directory, "f"), "");
    utimensat(dirfd, name("s"), mtime);
    expect(tryStatat(dirfd, name("s"))).toMatchObject({ kind: "symlink", mtime });
    const fd = tryOpenat(dirfd, name("f"), O_WRONLY);
    futimens(fd, mtime);
    fchmod(fd, 0o4751);
    expect(fstat(fd)).toMatchObject({ mtime, mode: 0o4751 });
    close(fd);
  });

  it("have a mode set without opening the file", () => {
    const { dirfd } = opened();
    tryMknodat(dirfd, name("p"), S_IFIFO | 0o600, 0, 0);
    fchmodat(dirfd, name("p"), 0o1234);
    expect(tryStatat(dirfd, name("p"))).toMatchObject({ mode: 0o1234 });
  });

  it("throw with the name where the file is absent", () => {
    const { dirfd } = opened();
    expect(() => utimensat(dirfd, name("x"), { seconds: 0, nanoseconds: 0 })).toThrow(
      "cannot set the time of x: ENOENT",
    );
    expect(() => readlinkat(dirfd, name("x"))).toThrow("cannot read the link x: ENOENT");
  });
});

describe("attributes that root sets", () => {
  requires(machineRoot());

  it.each([
    [0, 0],
    [5, 1],
    [259, 256],
    [4095, 1_048_575],
  ])("make the device %i:%i", (major, minor) => {
    const { dirfd } = opened();
    expect(tryMknodat(dirfd, name("c"), S_IFCHR | 0o600, major, minor)).toBe(0);
    expect(tryStatat(dirfd, name("c"))).toMatchObject({ kind: "char", rdevMajor: major, rdevMinor: minor });
  });

  it("change the owner of a symlink, and of the directory by an empty name", () => {
    const { directory, dirfd } = opened();
    symlinkSync("nowhere", join(directory, "s"));
    fchownat(dirfd, name("s"), 70_000, 4_000_000_000);
    fchownat(dirfd, name(""), 12, 34);
    expect(lstatSync(join(directory, "s"))).toMatchObject({ uid: 70_000, gid: 4_000_000_000 });
    expect(lstatSync(directory)).toMatchObject({ uid: 12, gid: 34 });
  });
});

describe("umask", () => {
  it("returns the one before", () => {
    const before = umask(0o027);
    expect(umask(before)).toBe(0o027);
  });
});
