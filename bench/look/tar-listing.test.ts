import { spawnSync } from "node:child_process";
import { chmodSync, linkSync, mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { program, requires } from "../../test/support/requires.ts";
import { scratchDirectory } from "../../test/support/scratch.ts";
import { FIND_LISTING, parseFindListing } from "./find-listing.ts";
import { parseTarListing, TAR_ENVIRONMENT, TAR_LISTING } from "./tar-listing.ts";

const FILE = { path: "d/a b", type: "file", mode: 0o4755, size: 5, target: null };
const NODES = [
  { path: "d", type: "directory", mode: 0o1777, size: null, target: null },
  FILE,
  { ...FILE, path: "d/another" },
  { path: 'd/new\nline \\ -> "q" \xe9\xff', type: "file", mode: 0o640, size: 0, target: null },
  { path: "d/to", type: "symlink", mode: 0o777, size: null, target: "a -> b" },
];

describe("what tar and find list", () => {
  requires(program("tar"), program("find"));

  it.each([
    ["tar", (tree: string) => listedByTar(tree)],
    ["find", (tree: string) => parseFindListing(run("find", [tree, ...FIND_LISTING]))],
  ])("is read as the tree that it is, by %s", (_, listed) => {
    const nodes = listed(makeTree()).sort((a, b) => (a.path < b.path ? -1 : 1));
    expect(nodes).toMatchObject(NODES);
    expect(nodes).toHaveLength(NODES.length);
  });

  it("has the places of the entries where tar is asked for them", () => {
    const offsets = listedByTar(makeTree(), "--block-number").map(({ offset }) => offset);
    expect(offsets).toHaveLength(NODES.length);
    expect(offsets[0]).toBe(0);
    expect(offsets).toEqual(offsets.toSorted((a, b) => Number(a) - Number(b)));
    expect(listedByTar(makeTree())[0]?.offset).toBeNull();
  });

  it("is refused where it is none", () => {
    expect(() => parseTarListing("hello\n")).toThrow("another form");
  });
});

function makeTree(): string {
  const tree = scratchDirectory();
  mkdirSync(join(tree, "d"));
  writeFileSync(join(tree, "d/a b"), "12345");
  chmodSync(join(tree, "d/a b"), 0o4755);
  linkSync(join(tree, "d/a b"), join(tree, "d/another"));
  const odd = Buffer.from(`${tree}/d/new\nline \\ -> "q" \xe9\xff`, "latin1");
  writeFileSync(odd, "");
  chmodSync(odd, 0o640);
  symlinkSync("a -> b", join(tree, "d/to"));
  chmodSync(join(tree, "d"), 0o1777);
  return tree;
}

function listedByTar(tree: string, ...options: readonly string[]): ReturnType<typeof parseTarListing> {
  const archive = `${scratchDirectory()}/tree.tar`;
  run("tar", ["--create", "--file", archive, "--directory", tree, "--sort=name", "d"]);
  return parseTarListing(run("tar", [...TAR_LISTING, ...options, "--file", archive]));
}

function run(file: string, words: readonly string[]): string {
  const { status, stdout } = spawnSync(file, words, { env: { ...process.env, ...TAR_ENVIRONMENT } });
  expect(status).toBe(0);
  return stdout.toString("latin1");
}
