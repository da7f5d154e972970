import { describe, expect, it } from "vitest";
import { type EntryFields, tarEntry } from "../../test/support/entries.ts";
import type { LayerEntry } from "./merged-tree.ts";
import { type PathTrace, tracePath } from "./trace-path.ts";

const directory = (name: string): EntryFields => ({ kind: "directory", name });
const whiteout = (path: string): EntryFields => ({ name: path.replace(/([^/]+)$/, ".wh.$1") });
const opaque = (path: string): EntryFields => ({ name: `${path}/.wh..wh..opq` });

function trace(path: string, layers: readonly (readonly EntryFields[])[]): Promise<PathTrace | null> {
  const open = layers.map((fields) => () => fields.map(tarEntry).map(asLayerEntry));
  return tracePath(open, Buffer.from(path));
}

function asLayerEntry(entry: LayerEntry["entry"]): LayerEntry {
  return { entry, storedName: entry.name };
}

async function effects(path: string, layers: readonly (readonly EntryFields[])[]): Promise<string[]> {
  const traced = await trace(path, layers);
  return (traced?.steps ?? []).map(({ effect, by }) => (by === null ? effect : `${effect} by ${by || "/"}`));
}

describe("tracePath", () => {
  it.each<[string, string, readonly (readonly EntryFields[])[], readonly string[]]>([
    ["a file that stays", "/a", [[{ name: "a" }], [{ name: "b" }]], ["put", "untouched"]],
    ["a file that is replaced", "/d/a", [[{ name: "d/a" }], [{ name: "d/a" }]], ["put", "replaced"]],
    ["a file that is deleted", "/d/a", [[{ name: "d/a" }], [whiteout("d/a")]], ["put", "deleted by d/a"]],
    ["a file whose directory is deleted", "/d/a", [[{ name: "d/a" }], [whiteout("d")]], ["put", "deleted by d"]],
    ["a file below an opaque directory", "/d/a", [[{ name: "d/a" }], [opaque("d")]], ["put", "hidden by d"]],
    ["a file below an opaque root", "/a", [[{ name: "a" }], [{ name: ".wh..wh..opq" }]], ["put", "hidden by /"]],
    ["a file whose directory becomes a file", "/d/a", [[{ name: "d/a" }], [{ name: "d" }]], ["put", "displaced by d"]],
    [
      "a file that comes back",
      "/a",
      [[{ name: "a" }], [whiteout("a")], [{ name: "a" }]],
      ["put", "deleted by a", "put"],
    ],
    [
      "a file of an opaque directory's own",
      "/d/a",
      [[{ name: "d/a" }], [opaque("d"), { name: "d/a" }]],
      ["put", "replaced"],
    ],
    ["a directory of two layers", "/d", [[directory("d")], [directory("d")]], ["put", "changed"]],
    ["a directory that is only entered", "/d", [[directory("d")], [{ name: "d/a" }]], ["put", "untouched"]],
    ["a directory that is made opaque", "/d", [[directory("d")], [opaque("d")]], ["put", "emptied"]],
    ["a directory that a file implies", "/d", [[{ name: "d/a" }]], ["put"]],
    ["a directory that becomes a file", "/d", [[directory("d")], [{ name: "d" }]], ["put", "replaced"]],
    [
      "a file that gets a second name",
      "/a",
      [[{ name: "a" }], [{ kind: "hardlink", name: "b", linkname: "a" }]],
      ["put", "changed"],
    ],
    ["a second name", "/b", [[{ name: "a" }], [{ kind: "hardlink", name: "b", linkname: "a" }]], ["untouched", "put"]],
    ["the root", "/", [[directory("./")], [directory("./")]], ["changed", "changed"]],
  ])("tells what each layer does to %s", async (_, path, layers, expected) => {
    expect(await effects(path, layers)).toEqual(expected);
  });

  it("follows symlinks on the way, but not the path itself", async () => {
    const layers: EntryFields[][] = [
      [{ name: "usr/bin/sh" }, { kind: "symlink", name: "bin", linkname: "usr/bin" }],
      [{ kind: "symlink", name: "usr/bin/sh", linkname: "dash" }],
    ];
    const traced = await trace("/bin/sh", layers);
    expect(traced?.path).toBe("usr/bin/sh");
    expect(traced?.steps.map(({ effect, node }) => [effect, node?.kind])).toEqual([
      ["put", "file"],
      ["replaced", "symlink"],
    ]);
    expect((await trace("/bin", layers))?.path).toBe("bin");
  });

  it("finds the real path of what is gone by the topmost layer that had it", async () => {
    const layers: EntryFields[][] = [
      [{ name: "usr/lib/x" }, { kind: "symlink", name: "lib", linkname: "usr/lib" }],
      [whiteout("usr/lib/x")],
    ];
    const traced = await trace("/lib/x", layers);
    expect(traced).toMatchObject({ path: "usr/lib/x", steps: [{ effect: "put" }, { effect: "deleted", node: null }] });
  });

  it("shows each layer's node as it was then", async () => {
    const traced = await trace("/d", [[{ ...directory("d"), mode: 0o700 }], [{ ...directory("d"), mode: 0o755 }]]);
    expect(traced?.steps.map(({ node }) => node?.mode)).toEqual([0o700, 0o755]);
  });

  it("gives null for a path that no layer has", async () => {
    expect(await trace("/nothing", [[{ name: "a" }]])).toBeNull();
    expect(await trace("/a/b", [[{ name: "a" }]])).toBeNull();
    expect(await trace("/a", [])).toBeNull();
  });
});
