import { describe, expect, it } from "vitest";
import { tarEntry } from "../../test/support/entries.ts";
import { type FindCriteria, findNodes } from "./find.ts";
import { resolve } from "./lookup.ts";
import { mergeLayers } from "./merged-tree.ts";

const tree = mergeLayers(
  [
    [
      { name: "etc/", kind: "directory" },
      { name: "etc/.hidden", size: 512, mtime: { seconds: 100, nanoseconds: 1 } },
      { name: "etc/a.conf", size: 513, mode: 0o4755 },
      { name: "etc/link", kind: "symlink", linkname: "a.conf" },
      { name: "etc/\xff", mode: 0o600 },
    ] as const,
    [
      { name: "etc/new/", kind: "directory" },
      { name: "etc/new/b.conf", size: 2048 },
    ] as const,
  ].map((fields) => fields.map(tarEntry).map((entry) => ({ entry, storedName: entry.name }))),
);

async function find(criteria: FindCriteria, path = "/"): Promise<string[]> {
  return Array.from(findNodes(resolve(await tree, Buffer.from(path)), criteria), (place) => place.path);
}

describe("find", () => {
  it("takes all, and itself, where nothing is asked", async () => {
    expect(await find({}, "/etc/new")).toEqual(["etc/new", "etc/new/b.conf"]);
  });

  it.each<[string, FindCriteria, string[]]>([
    ["a name", { name: "*.conf" }, ["etc/a.conf", "etc/new/b.conf"]],
    ["a name with a dot in front, as fnmatch does without a flag", { name: "*hidden" }, ["etc/.hidden"]],
    ["a class that leaves out", { name: "[!a-e]ink" }, ["etc/link"]],
    ["the root by its name", { name: "/" }, [""]],
    ["a kind", { kinds: ["symlink"] }, ["etc/link"]],
    ["several kinds", { kinds: ["symlink", "directory"], minDepth: 1 }, ["etc", "etc/link", "etc/new"]],
    ["just n units, rounded up", { size: { than: "equal", count: 1, unit: 512 }, kinds: ["file"] }, ["etc/.hidden"]],
    ["more than n units", { size: { than: "more", count: 1, unit: 512 } }, ["etc/a.conf", "etc/new/b.conf"]],
    ["less than n units", { size: { than: "less", count: 1, unit: 1024 }, kinds: ["file"] }, ["etc/\xff"]],
    ["a later time", { newer: { seconds: 100, nanoseconds: 0 }, maxDepth: 2 }, ["etc/.hidden"]],
    ["the bits of a mode", { mode: { bits: 0o600, match: "exact" } }, ["etc/\xff"]],
    ["all bits", { mode: { bits: 0o4100, match: "all" } }, ["etc/a.conf"]],
    ["any bit", { mode: { bits: 0o6000, match: "any" } }, ["etc/a.conf"]],
    ["a layer", { layer: 1 }, ["etc/new", "etc/new/b.conf"]],
    ["a depth", { maxDepth: 1 }, ["", "etc"]],
    ["all that is asked", { name: "*.conf", layer: 0 }, ["etc/a.conf"]],
  ])("knows %s", async (_, criteria, expected) => {
    expect(await find(criteria)).toEqual(expected);
  });
});
