import { describe, expect, it } from "vitest";
import { type EntryFields, tarEntry } from "../../test/support/entries.ts";
import { mergeWithChanges } from "./changes.ts";

/** `A path @layer`, and what was at the deleted ones. */
async function changesOf(...layers: readonly (readonly EntryFields[])[]): Promise<string[]> {
  const entries = layers.map((fields) => fields.map(tarEntry).map((entry) => ({ entry, storedName: entry.name })));
  const { changes, deleted } = await mergeWithChanges(entries);
  return [...changes]
    .map(([path, { kind, layer }]) => `${kind} ${path} @${layer} ${deleted.get(path)?.kind ?? ""}`.trim())
    .sort();
}

describe("the changes of layers", () => {
  it("are none of the lowest one, or all that it has", async () => {
    const lowest = [{ name: "a" }, { name: "b/c" }];
    expect(await changesOf(lowest)).toEqual([]);
    const layer = lowest.map(tarEntry).map((entry) => ({ entry, storedName: entry.name }));
    const { changes } = await mergeWithChanges([layer], { withLowest: true });
    const added = { kind: "added", layer: 0 };
    expect(Object.fromEntries(changes)).toEqual({ a: added, b: added, "b/c": added });
  });

  it("tell what was added, changed and deleted, with all below a deleted directory", async () => {
    expect(
      await changesOf(
        [{ name: "a" }, { name: "b/c" }, { name: "keep" }],
        [{ name: "a", size: 3 }, { name: ".wh.b" }, { name: "new/d" }],
      ),
    ).toEqual(["added new @1", "added new/d @1", "changed a @1", "deleted b @1 directory", "deleted b/c @1 file"]);
  });

  it("pass over a directory that is named again with the same attributes", async () => {
    const etc = { name: "etc/", kind: "directory", mode: 0o755 } as const;
    expect(await changesOf([etc], [etc])).toEqual([]);
    expect(await changesOf([etc], [{ ...etc, mode: 0o700 }])).toEqual(["changed etc @1"]);
  });

  it("take what a layer deletes and puts again for changed, in whatever order", async () => {
    expect(await changesOf([{ name: "a" }], [{ name: ".wh.a" }, { name: "a" }])).toEqual(["changed a @1"]);
    expect(await changesOf([{ name: "a" }], [{ name: "a" }, { name: ".wh.a" }])).toEqual(["changed a @1"]);
  });

  it("keep the last word on a path", async () => {
    expect(await changesOf([{ name: "x" }], [{ name: "a" }], [{ name: ".wh.a" }], [{ name: "a" }])).toEqual([
      "added a @3",
    ]);
  });

  it("know what an opaque directory hides, and what a file in a directory's place takes away", async () => {
    expect(await changesOf([{ name: "d/a" }, { name: "e/b" }], [{ name: "d/.wh..wh..opq" }, { name: "e" }])).toEqual([
      "changed e @1",
      "deleted d/a @1 file",
      "deleted e/b @1 file",
    ]);
  });
});
