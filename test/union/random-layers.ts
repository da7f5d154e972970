import fc from "fast-check";
import { isLayerfsError } from "../../src/core/errors.ts";
import type { TarEntry } from "../../src/tar/entry.ts";
import { changeset } from "../../src/union/changeset.ts";
import { memoryTarget } from "../../src/view/memory-target.ts";
import { type EntryFields, tarEntry } from "../support/entries.ts";

/** Layers, lowest first. */
export type Layers = readonly (readonly TarEntry[])[];

/** Bytes as latin1: no UTF-8, names that begin as a whiteout's may, one letter composed and not, the longest name. */
const oddName = fc.constantFrom("\xff", ".wh", "..x", "\n", " -\\", "\xc3\xa9", "e\xcc\x81", "n".repeat(255));

/** Few names and little depth, so that entries meet. */
const name = fc.oneof({ weight: 9, arbitrary: fc.constantFrom("a", "b", "c") }, oddName);
const path = fc.oneof(
  name,
  fc.array(name, { minLength: 1, maxLength: 3 }).map((parts) => parts.join("/")),
);
const directoryPath = fc.array(name, { maxLength: 2 }).map((parts) => parts.map((part) => `${part}/`).join(""));
const prefix = fc.constantFrom("", "", "", "./", "/", "../", "a/../");

const xattrs = fc.oneof(
  { weight: 6, arbitrary: fc.constant([]) },
  fc.subarray(
    [
      ["user.note", Buffer.from("x\0=y")],
      ["trusted.note", Buffer.from("t")],
      ["trusted.overlay.opaque", Buffer.from("y")],
      ["user.overlay.whiteout", Buffer.from("y")],
    ] as [string, Buffer][],
    { minLength: 1 },
  ),
);

const attributes = fc.record({
  mode: fc.constantFrom(0o644, 0o755, 0o4755, 0o2770, 0o1777, 0o400, 0),
  uid: fc.constantFrom(0, 0, 1000, 3_000_000),
  gid: fc.constantFrom(0, 0, 50),
  mtime: fc.record({
    seconds: fc.constantFrom(-1, 0, 1_700_000_000, 2 ** 33),
    nanoseconds: fc.constantFrom(0, 1, 999_999_999),
  }),
  xattrs: xattrs.map((list) => new Map(list)),
});

const symlinkTarget = fc.constantFrom(
  "a",
  "b",
  "../b",
  "/c",
  "/a/b",
  "..",
  "../../../b",
  "/",
  "c/../a",
  "./b/",
  "dead",
);

const kinds: readonly (readonly [number, fc.Arbitrary<EntryFields & { readonly name: string }>])[] = [
  [10, fc.record({ kind: fc.constant("file" as const), name: path, size: fc.nat(20) })],
  [8, path.map((where) => ({ kind: "directory" as const, name: `${where}/` }))],
  [5, fc.record({ kind: fc.constant("symlink" as const), name: path, linkname: symlinkTarget })],
  [8, fc.record({ kind: fc.constant("hardlink" as const), name: path, linkname: path })],
  [6, fc.tuple(directoryPath, name).map(([where, what]) => ({ kind: "file" as const, name: `${where}.wh.${what}` }))],
  [4, directoryPath.map((where) => ({ kind: "file" as const, name: `${where}.wh..wh..opq` }))],
  [1, fc.record({ kind: fc.constantFrom("fifo" as const, "char" as const, "block" as const), name: path })],
  [1, fc.constant({ kind: "directory" as const, name: "./" })],
  [1, name.map((what) => ({ kind: "file" as const, name: `.wh..wh.plnk/${what}`, size: 3 }))],
  [
    1,
    fc.record({ kind: fc.constant("hardlink" as const), name: path, linkname: name.map((n) => `.wh..wh.plnk/${n}`) }),
  ],
];

const entry: fc.Arbitrary<TarEntry> = fc
  .tuple(prefix, attributes, fc.oneof(...kinds.map(([weight, arbitrary]) => ({ weight, arbitrary }))))
  .map(([before, common, { name: where, ...own }]) =>
    tarEntry({
      ...common,
      devmajor: 1,
      devminor: 3,
      ...own,
      name: before === "./" && where === "./" ? "./" : `${before}${where}`,
    }),
  );

/** Layers of which any may be refused. */
export const anyLayers: fc.Arbitrary<Layers> = fc.array(fc.array(entry, { minLength: 1, maxLength: 10 }), {
  minLength: 1,
  maxLength: 4,
});

/** Layers without the entries for which they would be refused. */
export const validLayers: fc.Arbitrary<Layers> = anyLayers.map((layers) =>
  layers.reduce<Layers>((valid, layer) => valid.concat([withoutRefused(valid, layer)]), []),
);

function withoutRefused(below: Layers, layer: readonly TarEntry[]): readonly TarEntry[] {
  const refused = firstRefused([...below, layer]);
  return refused === null ? layer : withoutRefused(below, layer.toSpliced(refused.entry, 1));
}

/** The first entry that is refused and why, by the merged tree in memory; null if all are taken. */
export function firstRefused(layers: Layers): { layer: number; entry: number; message: string } | null {
  const target = memoryTarget();
  for (const [layer, entries] of layers.entries()) {
    const changes = changeset(target.layer(layer), { duplicates: "refuse" });
    for (const [index, each] of entries.entries()) {
      try {
        changes.add(each);
      } catch (error) {
        if (!isLayerfsError(error, "INVALID_LAYER")) throw error;
        return { layer, entry: index, message: error.message };
      }
    }
  }
  return null;
}

/** What the file of an entry holds: bytes that tell its place, so that no two files are equal by chance. */
export function contentOf(layer: number, index: number, size: number): Buffer {
  return Buffer.from(`${layer}.${index};`.repeat(size).slice(0, size));
}

/** As a counterexample is printed. */
export function describeLayers(layers: Layers): string {
  return layers
    .map((entries, layer) =>
      entries
        .map((each, index) => {
          const link = each.linkname.length > 0 ? ` -> ${each.linkname.toString("latin1")}` : "";
          const mode = each.mode.toString(8);
          return `  ${layer}.${index} ${each.kind} ${each.name.toString("latin1")}${link} ${mode} ${each.uid}:${each.gid} ${each.mtime.seconds}`;
        })
        .join("\n"),
    )
    .join("\n");
}
