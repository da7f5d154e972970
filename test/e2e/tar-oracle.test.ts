import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Engine, openEngine } from "../../src/index.ts";
import { GNU_TAR_LAYERS } from "../corpus/gnu-tar-layers.ts";
import { compareTrees, dumpTree, type TreeRow } from "../support/dump-tree.ts";
import { fileSystem, makeFileSystem, overlay, type TestFileSystem } from "../support/filesystems.ts";
import { extractLayers, gnuTar, packLayer } from "../support/gnu-tar-layers.ts";
import { dockerArchive } from "../support/image-builder.ts";
import { requires } from "../support/requires.ts";

/* GNU tar packs the layers and says what their union is; layerfs must show the same, each layer's state included. */

const missing = requires(overlay(), fileSystem("ext4"), gnuTar());
const STATES = GNU_TAR_LAYERS.map((_, index) => index + 1);
const nameOf = (layers: number): string => `oracle:${layers}`;

let place: TestFileSystem;
/** What GNU tar makes of the first n layers, at n - 1. */
let expected: TreeRow[][];
let archive: string;

beforeAll(() => {
  if (missing !== null) return;
  place = makeFileSystem("ext4", { size: "1G" });
  const archives = GNU_TAR_LAYERS.map((layer, index) => packLayer(layer, join(place.directory, `source-${index}`)));
  expected = STATES.map((count) =>
    extractLayers(GNU_TAR_LAYERS.slice(0, count), archives, join(place.directory, `union-${count}`)),
  );
  archive = join(place.directory, "images.tar");
  const images = STATES.map((count) => ({ tags: [nameOf(count)], layers: archives.slice(0, count) }));
  writeFileSync(archive, dockerArchive(images));
});
afterAll(() => place?.[Symbol.dispose]());

describe("GNU tar, as the oracle,", () => {
  it("has extracted what there is to compare", () => {
    const last = expected.at(-1) ?? [];
    expect(new Set(expected.flat().map(({ type }) => type))).toEqual(
      new Set(["file", "directory", "symlink", "char", "block", "fifo"]),
    );
    expect(last.length).toBeGreaterThan(100);
    expect(last.filter(({ mtime }) => mtime === null).length).toBeLessThan(10);
    expect(last.filter(({ xattrs }) => xattrs.some((text) => text.startsWith("security.capability=")))).toHaveLength(4);
    expect(last.filter(({ path }) => path.includes(".wh."))).toEqual([]);
  });

  it.each([
    ["times/nanosecond", { mtime: 1_700_000_000_000_000_001n }],
    ["times/before-1970", { mtime: -86_399_750_000_000n }],
    ["times/after-2106", { mtime: 5_000_000_000_000_000_005n }],
    ["ids/largest", { uid: 4_294_967_294, gid: 3_000_000_000, mode: 0o4711 }],
    ["special/large", { type: "char", device: "240:70000" }],
    ["xattrs/several", { xattrs: ["user.binary=ff00010a3dfe", "user.empty=", "user.text=74657874"] }],
    ["links/c", { group: "links/a", xattrs: [expect.stringMatching(/^security/), "user.of=616c6c"] }],
    ["sizes/sparse", { size: 5_000_000 }],
  ])("has extracted %s as it was made", (path, attributes) => {
    expect(expected[0]?.find((row) => row.path === path)).toMatchObject(attributes);
  });
});

describe.each(["overlay2", "vfs"])("layers that GNU tar packed, on %s", (driver) => {
  let engine: Engine;
  beforeAll(async () => {
    if (missing !== null) return;
    engine = await openEngine({ root: join(place.directory, driver), driver });
    await engine.load({ file: archive });
  });
  afterAll(() => engine?.[Symbol.asyncDispose]());

  it.each(STATES)("show, when the first %i are mounted, the tree that GNU tar extracts", async (count) => {
    const target = join(place.directory, `mounted-${driver}-${count}`);
    mkdirSync(target);
    await engine.mount({ image: nameOf(count), target });
    const found = dumpTree(target);
    await engine.unmount({ target });
    expect(compareTrees(expected[count - 1] ?? [], found)).toEqual([]);
  });

  it.each(STATES)("unpack, the first %i of them, to the tree that GNU tar extracts", async (count) => {
    const directory = join(place.directory, `unpacked-${driver}-${count}`);
    await engine.unpack(nameOf(count), directory);
    expect(compareTrees(expected[count - 1] ?? [], dumpTree(directory))).toEqual([]);
  });
});
