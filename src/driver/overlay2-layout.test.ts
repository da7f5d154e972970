import { existsSync, mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { scratchDirectory } from "../../test/support/scratch.ts";
import {
  layerPaths,
  linkDirectory,
  newLinkName,
  readLinkName,
  readLowerLinks,
  removeLink,
  resolveLink,
  writeLink,
  writeLower,
} from "./overlay2-layout.ts";

function homeWithLayer(id: string): string {
  const home = scratchDirectory();
  mkdirSync(linkDirectory(home));
  mkdirSync(layerPaths(home, id).diff, { recursive: true });
  return home;
}

describe("newLinkName", () => {
  it("makes names of 26 characters, never the same", () => {
    const names = Array.from({ length: 1000 }, newLinkName);
    expect(names.every((name) => /^[A-Z2-7]{26}$/.test(name))).toBe(true);
    expect(new Set(names).size).toBe(1000);
  });
});

describe("the link of a layer", () => {
  it("reads and resolves to what was written", () => {
    const home = homeWithLayer("a");
    const name = newLinkName();
    writeLink(home, "a", name);
    expect(readLinkName(home, "a")).toBe(name);
    expect(resolveLink(home, name)).toBe(layerPaths(home, "a").diff);
    expect(existsSync(join(linkDirectory(home), name))).toBe(true);
  });

  it("is removed by its record, twice without harm", () => {
    const home = homeWithLayer("a");
    writeLink(home, "a", newLinkName());
    removeLink(home, "a", layerPaths(home, "a").directory);
    removeLink(home, "a", layerPaths(home, "a").directory);
    expect(readdirSync(linkDirectory(home))).toEqual([]);
  });

  it("is not removed by a record that names something else", () => {
    const home = homeWithLayer("a");
    writeFileSync(layerPaths(home, "a").link, "../a/diff");
    removeLink(home, "a", layerPaths(home, "a").directory);
    expect(existsSync(layerPaths(home, "a").diff)).toBe(true);
  });
});

describe("the lowers of a layer", () => {
  it("read as they were written, and as none without the record", () => {
    const home = homeWithLayer("a");
    expect(readLowerLinks(home, "a")).toEqual([]);
    writeLower(home, "a", ["AAA", "BBB"]);
    expect(readLowerLinks(home, "a")).toEqual(["AAA", "BBB"]);
  });
});
