import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { applyToTree, readTar } from "../support/apply.ts";
import { requires, root } from "../support/requires.ts";
import { scratchDirectory } from "../support/scratch.ts";
import { type NodeImage, snapshot } from "../support/snapshot.ts";
import { treeInMemory } from "../union/memory.ts";
import { fixturePath, needsFixtures, readFixture } from "./fixtures.ts";

/** container-diff's small layers, whose trees lie beside them unpacked. */
describe("container-diff's layers", () => {
  needsFixtures();
  requires(root());

  const tar = (name: string): Buffer => readFixture("layers", `cdiff-la-croix${name}.tar`);
  const contents = (nodes: readonly NodeImage[]): string[] =>
    nodes.map(({ path, kind, content }) => `${kind} /${path} ${content}`);

  /** In a directory and in memory, which must agree in all. */
  const unpack = async (...names: string[]): Promise<NodeImage[]> => {
    const directory = join(scratchDirectory(), "tree");
    mkdirSync(directory);
    for (const [index, name] of names.entries()) await applyToTree(directory, tar(name), index === 0);
    const found = snapshot(directory);
    expect(await treeInMemory(names.map((name) => readTar(tar(name))))).toEqual(found);
    return found;
  };

  it.each(["1", "2"])("unpacks la-croix%s to the tree beside it", async (number) => {
    const expected = snapshot(fixturePath("layers", `cdiff-la-croix${number}-actual`));
    expect(contents(await unpack(number))).toEqual(contents(expected));
  });

  it("applies whiteouts and an update", async () => {
    const found = await unpack("2", "-wh", "-update");
    expect(found.map(({ path }) => path)).toEqual([
      "",
      "lime.txt",
      "nest2",
      "nest2/hello",
      "passionfruit.txt",
      "peach-pear.txt",
    ]);
    expect(found[1]?.content).toHaveLength(13);
  });
});
