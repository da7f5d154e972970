import { closeSync, openSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";
import { machineRoot } from "../../test/support/filesystems.ts";
import { requires } from "../../test/support/requires.ts";
import { scratchDirectory } from "../../test/support/scratch.ts";
import { ENODATA } from "./errno.ts";
import { XATTR_REPLACE } from "./flags.ts";
import {
  getXattr,
  getXattrOf,
  listXattrs,
  listXattrsOf,
  removeXattr,
  setXattr,
  setXattrOf,
  trySetXattr,
} from "./xattr.ts";

const file = Buffer.from("f");

function opened(): { directory: string; dirfd: number; fd: number } {
  const directory = scratchDirectory();
  writeFileSync(join(directory, "f"), "");
  const [dirfd, fd] = [openSync(directory, "r"), openSync(join(directory, "f"), "r+")];
  onTestFinished(() => [dirfd, fd].forEach(closeSync));
  return { directory, dirfd, fd };
}

describe("extended attributes", () => {
  it("keep binary values, empty and larger than the first buffer", () => {
    const { dirfd, fd } = opened();
    const binary = Buffer.from([0, 255, 10, 0]);
    const large = Buffer.alloc(2000, 7);
    setXattr(dirfd, file, "user.binary", binary);
    setXattrOf(fd, "user.large", large);
    setXattr(dirfd, file, "user.empty", Buffer.alloc(0));
    expect(listXattrs(dirfd, file).sort()).toEqual(["user.binary", "user.empty", "user.large"]);
    expect(listXattrsOf(fd).sort()).toEqual(["user.binary", "user.empty", "user.large"]);
    expect(getXattrOf(fd, "user.binary")).toEqual(binary);
    expect(getXattr(dirfd, file, "user.large")).toEqual(large);
    expect(getXattr(dirfd, file, "user.empty")).toEqual(Buffer.alloc(0));
  });

  it("that are absent read as null and can be removed again", () => {
    const { dirfd } = opened();
    expect(getXattr(dirfd, file, "user.x")).toBeNull();
    setXattr(dirfd, file, "user.x", Buffer.from("1"));
    removeXattr(dirfd, file, "user.x");
    removeXattr(dirfd, file, "user.x");
    expect(listXattrs(dirfd, file)).toEqual([]);
  });

  it("give -errno where that is asked for, and throw otherwise", () => {
    const { dirfd } = opened();
    expect(trySetXattr(dirfd, file, "user.x", Buffer.from("1"), XATTR_REPLACE)).toBe(-ENODATA);
    expect(() => setXattr(dirfd, file, "nonsense", Buffer.from("1"))).toThrow("cannot set nonsense on f: EOPNOTSUPP");
    expect(() => getXattr(dirfd, Buffer.from("absent"), "user.x")).toThrow("ENOENT");
  });

  it("refuse a name with NUL in it", () => {
    const { dirfd } = opened();
    expect(() => setXattr(dirfd, file, "user.a\0b", Buffer.from("1"))).toThrow(
      expect.objectContaining({ code: "INVALID_LAYER" }),
    );
  });
});

describe("extended attributes of root", () => {
  requires(machineRoot());

  it("go to a symlink itself", () => {
    const { directory, dirfd } = opened();
    symlinkSync("f", join(directory, "s"));
    setXattr(dirfd, Buffer.from("s"), "trusted.x", Buffer.from("1"));
    expect(listXattrs(dirfd, Buffer.from("s"))).toEqual(["trusted.x"]);
    expect(listXattrs(dirfd, file)).toEqual([]);
  });
});
