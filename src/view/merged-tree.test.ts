import { describe, expect, it } from "vitest";
import { type EntryFields, tarEntry } from "../../test/support/entries.ts";
import { contentOf, list, lstat, resolve, walk } from "./lookup.ts";
import { type DuplicatePath, type LayerEntry, type MergedTree, mergeLayers } from "./merged-tree.ts";

function layer(...entries: readonly EntryFields[]): LayerEntry[] {
  return entries.map(tarEntry).map((entry) => ({ entry, storedName: entry.name }));
}

function paths(tree: MergedTree): string[] {
  return [...walk({ path: "", node: tree.root })].map(({ path }) => `/${path}`);
}

describe("mergeLayers", () => {
  it("shows an empty root for no layers", async () => {
    const tree = await mergeLayers([]);
    expect(tree.layers).toBe(0);
    expect(lstat(resolve(tree, Buffer.from("/")))).toMatchObject({ kind: "directory", mode: 0o755, layer: -1 });
  });

  it("tells of each node the layer that it comes from", async () => {
    const tree = await mergeLayers([
      layer({ name: "d/low" }, { name: "d/both" }, { name: "gone" }),
      layer({ name: "d/both" }, { name: ".wh.gone" }),
      layer({ name: "d/", kind: "directory" }),
    ]);
    expect(list(tree, Buffer.from("d")).map(({ name, node }) => [name.toString(), node.layer])).toEqual([
      ["both", 1],
      ["low", 0],
    ]);
    expect(resolve(tree, Buffer.from("d")).node.layer).toBe(2);
    expect(paths(tree)).not.toContain("/gone");
  });

  it("lets other work have its turn between entries that are there at once, and can be cancelled there", async () => {
    const cancel = new AbortController();
    let taken = 0;
    function* entries(): Generator<LayerEntry> {
      for (; taken < 100_000; taken++) yield* layer({ name: `f${taken}` });
    }
    setImmediate(() => cancel.abort());
    await expect(mergeLayers([entries()], { signal: cancel.signal })).rejects.toMatchObject({ code: "CANCELLED" });
    expect(taken).toBeLessThan(100_000);
  });

  it("takes layers and entries that come asynchronously, in their order", async () => {
    async function* entries(...fields: readonly EntryFields[]): AsyncGenerator<LayerEntry> {
      yield* layer(...fields);
    }
    async function* layers(): AsyncGenerator<AsyncIterable<LayerEntry>> {
      yield entries({ name: "a", size: 1 });
      yield entries({ name: "a", size: 2 });
    }
    const tree = await mergeLayers(layers());
    expect(lstat(resolve(tree, Buffer.from("a"))).size).toBe(2);
  });

  it("takes the last entry of a path that a layer holds twice, and says so", async () => {
    const duplicates: DuplicatePath[] = [];
    const tree = await mergeLayers(
      [layer({ name: "a", size: 1 }), layer({ name: "a", size: 2 }, { name: "./a", size: 3 })],
      {
        onDuplicate: (duplicate) => duplicates.push(duplicate),
      },
    );
    expect(lstat(resolve(tree, Buffer.from("a"))).size).toBe(3);
    expect(duplicates).toEqual([{ layer: 1, path: "a" }]);
  });

  it("finds a file's bytes under the name that its layer stored it by", async () => {
    const entry = tarEntry({ name: "lib/x", size: 1 });
    const tree = await mergeLayers([
      layer({ kind: "symlink", name: "lib", linkname: "usr/lib" }),
      [{ entry, storedName: Buffer.from("./lib//x") }],
    ]);
    const found = resolve(tree, Buffer.from("lib/x"));
    expect(found.path).toBe("usr/lib/x");
    expect(contentOf(found)).toEqual({ layer: 1, name: Buffer.from("lib/x") });
  });

  it("leaves the other names of a lower file alone when a link changes one", async () => {
    const tree = await mergeLayers([
      layer({ name: "a", mode: 0o644 }, { kind: "hardlink", name: "b", linkname: "a", mode: 0o644 }),
      layer({ kind: "hardlink", name: "c", linkname: "a", mode: 0o600 }),
    ]);
    const modes = list(tree, Buffer.from("/")).map(({ node }) => node.mode);
    expect(modes).toEqual([0o600, 0o644, 0o600]);
  });

  it("refuses a layer as the writers on disk do", async () => {
    const broken = mergeLayers([layer({ kind: "hardlink", name: "a", linkname: "nothing" })]);
    await expect(broken).rejects.toMatchObject({ code: "INVALID_LAYER" });
  });

  it("stops between layers once its signal is aborted", async () => {
    const stop = new AbortController();
    function* layers(): Generator<LayerEntry[]> {
      yield layer({ name: "a" });
      stop.abort(new Error("enough"));
      yield layer({ name: "b" });
    }
    await expect(mergeLayers(layers(), { signal: stop.signal })).rejects.toMatchObject({ code: "CANCELLED" });
  });

  it("hides all of the deepest tree that a layer can make but its own", async () => {
    const deep = "d/".repeat(2_000);
    const tree = await mergeLayers([
      layer({ kind: "directory", name: deep }, { name: `${deep}low` }),
      layer({ name: `${deep}own` }, { name: ".wh..wh..opq" }),
    ]);
    expect(paths(tree).at(-1)).toBe(`/${deep}own`);
    expect(paths(tree)).toHaveLength(2_002);
  });
});
