import { describe, expect, it } from "vitest";
import { type EntryFields, tarEntry } from "../../test/support/entries.ts";
import { walk } from "../view/lookup.ts";
import { memoryTarget } from "../view/memory-target.ts";
import { changeset, type Effect } from "./changeset.ts";

type Layer = readonly EntryFields[];

/** The layers applied one onto the other; the effects are those of the last. */
function apply(...layers: readonly Layer[]): { paths: string[]; effects: Effect[] } {
  const target = memoryTarget();
  let effects: Effect[] = [];
  for (const [index, entries] of layers.entries()) {
    const changes = changeset(target.layer(index), { duplicates: "refuse" });
    effects = entries.map((entry) => changes.add(tarEntry(entry)));
  }
  const paths = [...walk({ path: "", node: target.root })]
    .slice(1)
    .map(({ path, node }) => (node.kind === "directory" ? `${path}/` : node.kind === "symlink" ? `${path}@` : path));
  return { paths, effects };
}

const file = (name: string): EntryFields => ({ name });
const directory = (name: string): EntryFields => ({ kind: "directory", name });
const symlink = (name: string, linkname: string): EntryFields => ({ kind: "symlink", name, linkname });
const hardlink = (name: string, linkname: string): EntryFields => ({ kind: "hardlink", name, linkname });

const below: Layer = [file("d/a"), file("d/b"), file("f"), symlink("l", "d")];

/** A symlink to the middle of the longest path, below which the other half has no room. */
const HALF = "d/".repeat(1024);
const deep: Layer = [directory(HALF), symlink("s", HALF)];

describe("changeset", () => {
  it.each<[string, Layer, string[]]>([
    ["hides a file by a whiteout", [file(".wh.f")], ["d/", "d/a", "d/b", "l@"]],
    ["hides a tree by one whiteout", [file(".wh.d")], ["f", "l@"]],
    ["takes a whiteout of nothing", [file(".wh.x")], ["d/", "d/a", "d/b", "f", "l@"]],
    [
      "keeps a file of the layer itself, whiteout after it",
      [file("f"), file(".wh.f")],
      ["d/", "d/a", "d/b", "f", "l@"],
    ],
    [
      "keeps a file of the layer itself, whiteout before it",
      [file(".wh.f"), file("f")],
      ["d/", "d/a", "d/b", "f", "l@"],
    ],
    ["hides only what is below by an opaque marker", [file("d/c"), file("d/.wh..wh..opq")], ["d/", "d/c", "f", "l@"]],
    ["takes an opaque marker before the siblings", [file("d/.wh..wh..opq"), file("d/c")], ["d/", "d/c", "f", "l@"]],
    ["hides all by an opaque marker at the root", [file(".wh..wh..opq"), file("x")], ["x"]],
    ["merges a directory with a directory", [directory("d/")], ["d/", "d/a", "d/b", "f", "l@"]],
    ["replaces a directory by a file", [file("d")], ["d", "f", "l@"]],
    ["replaces a directory by a symlink", [symlink("d", "f")], ["d@", "f", "l@"]],
    ["replaces a symlink by a directory", [directory("l/")], ["d/", "d/a", "d/b", "f", "l/"]],
    ["follows a symlink on the way", [file("l/c")], ["d/", "d/a", "d/b", "d/c", "f", "l@"]],
    ["hides through a symlink", [file("l/.wh.a")], ["d/", "d/b", "f", "l@"]],
    ["replaces a file on the way by a directory", [file("f/x")], ["d/", "d/a", "d/b", "f/", "f/x", "l@"]],
    ["makes no directories for a whiteout", [file("no/such/.wh.x")], ["d/", "d/a", "d/b", "f", "l@"]],
    ["makes no directory of a file for a whiteout", [file("f/.wh.x")], ["d/", "d/a", "d/b", "f", "l@"]],
    ["keeps a path that leaves the root inside", [file("../../x")], ["d/", "d/a", "d/b", "f", "l@", "x"]],
    ["never shows what aufs reserves", [file(".wh..wh.plnk/1"), file(".wh..wh.aufs")], ["d/", "d/a", "d/b", "f", "l@"]],
    [
      "links to what aufs reserves",
      [file(".wh..wh.plnk/1"), hardlink("x", ".wh..wh.plnk/1")],
      ["d/", "d/a", "d/b", "f", "l@", "x"],
    ],
  ])("%s", (_, layer, expected) => {
    expect(apply(below, layer).paths).toEqual(expected);
  });

  it("tells the real path of each node that it made", () => {
    const layer = [file("l/c"), file(".wh.b"), directory("./"), hardlink("/l/h", "f")];
    expect(apply(below, layer).effects.map(({ path }) => path)).toEqual(["d/c", null, "", "d/h"]);
  });

  it.each<[string, Layer]>([
    ["a path that is there twice", [file("a"), file("./a")]],
    ["a hard link to nothing", [hardlink("a", "b")]],
    ["a hard link to a directory", [directory("d"), hardlink("a", "d")]],
    ["a hard link to itself", [file("x/y"), hardlink("x", "x/y")]],
    ["a hard link to a name that aufs reserves and is absent", [hardlink("a", ".wh..wh.plnk/1")]],
    ["a path through a loop of symlinks", [symlink("a", "a"), file("a/b")]],
    ["an entry of an unknown type", [{ name: "a", kind: "unknown" }]],
    ["the device that is overlayfs's whiteout", [{ name: "a", kind: "char" }]],
    ["a symlink without a target", [symlink("a", "")]],
    ["a symlink with a target that no file system takes", [symlink("a", "t".repeat(4096))]],
    ["a file that a symlink puts too deep", [...deep, file(`s/${HALF}f`)]],
    ["a directory that a symlink implies too deep", [...deep, file(`s/${HALF}d/f`)]],
  ])("refuses %s", (_, layer) => {
    expect(() => apply(layer)).toThrow(expect.objectContaining({ code: "INVALID_LAYER" }));
  });

  it("takes a name away again by .. that is no directory, and makes none of it", () => {
    expect(apply([symlink("l", "none/../d"), file("l/x")]).paths).toEqual(["d/", "d/x", "l@"]);
  });

  it("finds a parent anew once a directory that led there is replaced", () => {
    const layers: Layer[] = [[symlink("d/l", "/")], [file("d/l/a"), file("d/l/d"), file("d/l/b")]];
    expect(apply(...layers).paths).toEqual(["a", "d/", "d/l/", "d/l/b"]);
  });

  it("looks for a directory in the one above it where that is known, not from the root", () => {
    const target = memoryTarget().layer(0);
    const looked: string[] = [];
    const lookup = target.lookup.bind(target);
    target.lookup = (at, name) => {
      looked.push(`${at.path}/${name}`);
      return lookup(at, name);
    };
    const changes = changeset(target, { duplicates: "refuse" });
    for (const entry of [directory("a"), directory("a/b"), directory("a/b/c"), file("a/b/c/d")])
      changes.add(tarEntry(entry));
    expect(looked).toEqual(["/a", "a/b", "a/b/c"]);
  });
});
