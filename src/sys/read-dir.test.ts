import { closeSync, mkdirSync, openSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";
import { scratchDirectory } from "../../test/support/scratch.ts";
import { readDirectory } from "./read-dir.ts";

function opened(directory: string): number {
  const fd = openSync(directory, "r");
  onTestFinished(() => closeSync(fd));
  return fd;
}

describe("readDirectory", () => {
  it("gives names in bytes, sorted, with their kinds, and can be repeated", () => {
    const directory = scratchDirectory();
    mkdirSync(join(directory, "b"));
    symlinkSync("x", join(directory, "a"));
    writeFileSync(Buffer.concat([Buffer.from(`${directory}/`), Buffer.from([0xff])]), "");
    writeFileSync(join(directory, "..."), "");
    const fd = opened(directory);
    const expected = [
      { name: Buffer.from("..."), kind: "file" },
      { name: Buffer.from("a"), kind: "symlink" },
      { name: Buffer.from("b"), kind: "directory" },
      { name: Buffer.from([0xff]), kind: "file" },
    ];
    expect(readDirectory(fd)).toEqual(expected);
    expect(readDirectory(fd)).toEqual(expected);
  });

  it("reads more than one buffer of names", () => {
    const directory = scratchDirectory();
    const names = Array.from({ length: 3000 }, (_, i) => `${i}`.padStart(60, "0"));
    for (const name of names) writeFileSync(join(directory, name), "");
    expect(readDirectory(opened(directory)).map((entry) => entry.name.toString())).toEqual(names);
  });

  it("throws on what is no directory", () => {
    const path = join(scratchDirectory(), "f");
    writeFileSync(path, "");
    expect(() => readDirectory(opened(path))).toThrow(expect.objectContaining({ errno: "ENOTDIR" }));
  });
});
