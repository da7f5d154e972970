import { existsSync, mkdirSync, readdirSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { scratchDirectory } from "../../test/support/scratch.ts";
import { umask } from "../sys/at.ts";
import {
  attempt,
  ensureDirectory,
  isDirectory,
  layerIDs,
  makeDirectory,
  removeLayerDirectory,
  syncFileSystem,
} from "./layer-directories.ts";

describe("making directories", () => {
  it("gives the exact mode, whatever the umask", () => {
    const path = join(scratchDirectory(), "d");
    const before = umask(0o077);
    makeDirectory(path, 0o755);
    umask(before);
    expect(statSync(path).mode & 0o7777).toBe(0o755);
  });

  it("leaves one that is there as it is, if told so", () => {
    const path = join(scratchDirectory(), "d");
    makeDirectory(path, 0o700);
    ensureDirectory(path, 0o755);
    expect(statSync(path).mode & 0o7777).toBe(0o700);
    expect(() => makeDirectory(path, 0o700)).toThrow(expect.objectContaining({ errno: "EEXIST" }));
  });
});

describe("layerIDs", () => {
  it("has each layer once, also one whose removal was interrupted, and no files", () => {
    const parent = scratchDirectory();
    for (const name of ["b", "a", "a-removing", "c-removing", "l", "x y"]) mkdirSync(join(parent, name));
    writeFileSync(join(parent, "file"), "");
    expect(layerIDs(parent)).toEqual(["a", "b", "c"]);
    expect(layerIDs(join(parent, "absent"))).toEqual([]);
  });
});

describe("removeLayerDirectory", () => {
  it("shows the whole layer under its new name before it is deleted", async () => {
    const parent = scratchDirectory();
    mkdirSync(join(parent, "a/diff"), { recursive: true });
    const seen: string[][] = [];
    await removeLayerDirectory(join(parent, "a"), (renamed) => {
      expect(existsSync(join(parent, "a"))).toBe(false);
      seen.push(readdirSync(renamed));
    });
    expect(seen).toEqual([["diff"]]);
    expect(readdirSync(parent)).toEqual([]);
  });

  it("deletes the rest of an earlier removal as well", async () => {
    const parent = scratchDirectory();
    mkdirSync(join(parent, "a/diff"), { recursive: true });
    mkdirSync(join(parent, "a-removing/diff"), { recursive: true });
    await removeLayerDirectory(join(parent, "a"));
    expect(readdirSync(parent)).toEqual([]);
  });
});

describe("the rest", () => {
  it("syncs a file system and knows directories from files", async () => {
    const directory = scratchDirectory();
    await expect(syncFileSystem(directory)).resolves.toBeUndefined();
    expect([isDirectory(directory), isDirectory("/etc/passwd"), isDirectory("/absent")]).toEqual([true, false, false]);
  });

  it("turns failures of Node's calls into LayerfsErrors", () => {
    expect(() => attempt("look at", "x", () => statSync("/absent"))).toThrow("cannot look at x: ENOENT");
  });
});
