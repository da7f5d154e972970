import { mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { scratchDirectory } from "../../test/support/scratch.ts";
import { plainRoot, readPlainFile, readPlainLink, readPlainNames } from "./plain-path.ts";

describe("plainRoot", () => {
  it("follows the symlinks that lead to a root, also to one that is not there yet", () => {
    const directory = scratchDirectory();
    mkdirSync(join(directory, "real"));
    symlinkSync("real", join(directory, "link"));
    expect(plainRoot(join(directory, "link"))).toBe(join(directory, "real"));
    expect(plainRoot(join(directory, "link/a/b"))).toBe(join(directory, "real/a/b"));
  });

  it("leaves a path that leads nowhere as it is", () => {
    const directory = scratchDirectory();
    symlinkSync("loop", join(directory, "loop"));
    writeFileSync(join(directory, "file"), "");
    for (const name of ["loop/root", "file/root"]) {
      expect(plainRoot(join(directory, name))).toBe(join(directory, name));
    }
  });
});

describe("reading in a data root", () => {
  it("finds nothing where nothing is", () => {
    const directory = scratchDirectory();
    expect(readPlainFile(join(directory, "absent/file"))).toBeNull();
    expect(readPlainLink(join(directory, "absent/link"))).toBeNull();
    expect(readPlainLink(join(directory, "link"))).toBeNull();
    expect(readPlainNames(join(directory, "absent"))).toEqual([]);
  });

  it("tells what a symlink says, and follows none", () => {
    const directory = scratchDirectory();
    mkdirSync(join(directory, "real"));
    writeFileSync(join(directory, "real/file"), "content");
    symlinkSync("real", join(directory, "link"));
    expect(readPlainFile(join(directory, "real/file"))?.toString()).toBe("content");
    expect(readPlainLink(join(directory, "link"))).toBe("real");
    for (const read of [
      () => readPlainFile(join(directory, "link/file")),
      () => readPlainFile(join(directory, "link")),
      () => readPlainNames(join(directory, "link")),
      () => readPlainLink(join(directory, "link/link")),
    ]) {
      expect(read).toThrow(expect.objectContaining({ code: "CORRUPT_STORE" }));
    }
  });
});
