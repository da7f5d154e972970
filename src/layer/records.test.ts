import { cpSync, mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeEach, describe, expect, it } from "vitest";
import { scratchDirectory } from "../../test/support/scratch.ts";
import { chainIDOn } from "../core/chain-id.ts";
import { digestOf } from "../core/digest.ts";
import { type LayerLayout, layerDirectory, layerLayout } from "./layout.ts";
import { listChainIDs, listRemoving, readLayerRecord, readParent } from "./records.ts";

const DIFF = digestOf("diff");
const PARENT = digestOf("parent");
const CHAIN = chainIDOn(PARENT, DIFF);
let layout: LayerLayout;
let directory: string;

beforeEach(() => {
  layout = layerLayout(scratchDirectory(), "overlay2");
  directory = layerDirectory(layout, CHAIN);
  mkdirSync(directory, { recursive: true });
  const fields = { "cache-id": "c".repeat(64), diff: DIFF, size: "12", parent: PARENT };
  for (const [name, text] of Object.entries(fields)) writeFileSync(join(directory, name), text);
});

describe("a layer's record", () => {
  it("is read as dockerd writes it", () => {
    expect(readLayerRecord(layout, CHAIN)).toEqual({
      chainID: CHAIN,
      diffID: DIFF,
      parent: PARENT,
      cacheID: "c".repeat(64),
      size: 12,
      tarSplit: join(directory, "tar-split.json.gz"),
    });
  });

  it("has no parent where it is the lowest", () => {
    const lowest = layerDirectory(layout, DIFF);
    cpSync(directory, lowest, { recursive: true });
    rmSync(join(lowest, "parent"));
    expect(readLayerRecord(layout, DIFF)?.parent).toBeNull();
    expect(readParent(layout, DIFF)).toBeNull();
  });

  it("is null where there is no such layer", () => {
    expect(readLayerRecord(layout, PARENT)).toBeNull();
  });

  it.each([
    ["cache-id", null],
    ["cache-id", ""],
    ["cache-id", "../../etc"],
    ["diff", null],
    ["diff", "sha256:short"],
    ["size", null],
    ["size", "3\n"],
    ["size", "-1"],
    ["size", "1e400"],
    ["parent", ""],
    ["parent", null],
    ["cache-id", "l"],
    ["diff", digestOf("another")],
  ])("is damaged, and the file is named, where %s holds %j", (name, text) => {
    if (text === null) rmSync(join(directory, name));
    else writeFileSync(join(directory, name), text);
    expect(() => readLayerRecord(layout, CHAIN)).toThrow(expect.objectContaining({ code: "CORRUPT_STORE" }));
    expect(() => readLayerRecord(layout, CHAIN)).toThrow(join(directory, name));
  });
});

it("lists layers, and those on their way out apart", () => {
  mkdirSync(`${layerDirectory(layout, PARENT)}-1a2b-removing`);
  mkdirSync(join(layout.layers, "something else"));
  expect(listChainIDs(layout)).toEqual([CHAIN]);
  expect(listRemoving(layout)).toEqual([`${layerDirectory(layout, PARENT)}-1a2b-removing`]);
});
