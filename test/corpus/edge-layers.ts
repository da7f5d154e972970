import {
  END_OF_ARCHIVE,
  encodeEntry,
  header,
  layerTar,
  padded,
  paxRecord,
  type TestEntry,
} from "../support/tar-builder.ts";

/** `path` -> one line, see `describeTree`. */
export type ExpectedTree = Readonly<Record<string, string>>;

/** What the tree must be. Or the words that a refusal must hold, and what is `seen` of a layer that is not stored. */
export type Expected = { readonly tree: ExpectedTree } | { readonly refused: RegExp; readonly seen?: ExpectedTree };

/** One oddity in a layer on top of `BASE`. */
export interface EdgeCase {
  readonly name: string;
  /** What is odd, as a row of a table. */
  readonly oddity: string;
  /** What layerfs makes of it, and why, as a cell of a table. */
  readonly result: string;
  /** What others make of it: seen with docker 20.10, podman 4.3, umoci 0.4.7, containerd 1.6. */
  readonly peers: readonly [docker: string, podman: string, umoci: string, containerd: string];
  /** The layers above BASE, lowest first. */
  readonly layers: readonly Buffer[];
  readonly expected: Expected;
}

export const BASE: Buffer = layerTar([
  { name: "d/", type: "directory" },
  { name: "d/f", data: "lower" },
  { name: "d/g", data: "lower g" },
  { name: "o/", type: "directory" },
  { name: "o/x", data: "x" },
]);

const BASE_TREE = { d: "directory", "d/f": 'file "lower"', "d/g": 'file "lower g"', o: "directory", "o/x": 'file "x"' };
const noise = seededNoise(4096);
const sparseContent = Buffer.concat([Buffer.alloc(1 << 20), noise, Buffer.alloc((1 << 20) - 4096)]);
const GLOBAL = paxRecord("comment", "0123456789abcdef");
const short = layerTar([{ name: "d/t", data: "t".repeat(700) }]);
const withShort = plus({ "d/t": `file "${"t".repeat(700)}"` });
const accepted = "as the rules say";
const TWICE = "refused, as by Docker; for those who only look the last one counts";
const SAME = (text: string): [string, string, string, string] => [text, text, text, text];

export const EDGE_CASES: readonly EdgeCase[] = [
  row(
    "sparse-gnu",
    "old GNU sparse file (type S)",
    "right content, holes kept",
    ["refused", "refused", "refused", "refused"],
    [Buffer.concat([oldGnuSparse(), END_OF_ARCHIVE])],
    plus({ s: "directory", "s/old-gnu": `file ${sparseContent.length} bytes` }),
  ),
  row(
    "sparse-pax",
    "PAX 1.0 sparse file",
    "right content, holes kept, given back byte for byte",
    ["right content, cannot be saved", "right content", "right content", "right content"],
    [Buffer.concat([paxSparse(), END_OF_ARCHIVE])],
    plus({ s: "directory", "s/pax10": `file ${sparseContent.length} bytes` }),
  ),
  row(
    "pax-global",
    "PAX global header",
    "checked, and not applied, as by Docker",
    ["ignored", "ignored", "refused", "ignored"],
    [
      Buffer.concat([
        header({ name: "pax_global_header", typeflag: "g" }, GLOBAL.length),
        padded(GLOBAL),
        encodeEntry({ name: "after-global", data: "g" }),
        END_OF_ARCHIVE,
      ]),
    ],
    plus({ "after-global": 'file "g"' }),
  ),
  row(
    "wh-then-add",
    "`.wh.f`, then `f`",
    "`f` shows: a whiteout hides lower layers only",
    SAME("`f` shows"),
    [layerTar([{ name: "d/.wh.f" }, { name: "d/f", data: "upper" }])],
    plus({ "d/f": 'file "upper"' }),
  ),
  row(
    "add-then-wh",
    "`f`, then `.wh.f`",
    "`f` shows: the order within a layer says nothing",
    ["refused", "refused", "`f` shows", "refused"],
    [layerTar([{ name: "d/f", data: "upper" }, { name: "d/.wh.f" }])],
    plus({ "d/f": 'file "upper"' }),
  ),
  row(
    "opq-no-dir",
    "`.wh..wh..opq` without an entry for its directory",
    "the directory is emptied",
    SAME("emptied"),
    [layerTar([{ name: "o/.wh..wh..opq" }])],
    without("o/x"),
  ),
  row(
    "opq-root",
    "`.wh..wh..opq` in the root",
    "the root is emptied; the layer's `lower` file is cut, so dockerd shows the same",
    ["ignored", "ignored", "root emptied", "ignored"],
    [layerTar([{ name: ".wh..wh..opq" }, { name: "only", data: "o" }])],
    { tree: { only: 'file "o"' } },
  ),
  row(
    "wh-root-children",
    "whiteouts of all that is in the root",
    "an empty root",
    SAME("an empty root"),
    [layerTar([{ name: ".wh.d" }, { name: ".wh.o" }])],
    { tree: {} },
  ),
  row(
    "wh-under-nothing",
    "whiteout below a directory that never was",
    "nothing: there is nothing to hide",
    ["makes the directories, `f` shows as a device", "as docker", "nothing", "as docker"],
    [layerTar([{ name: "no/such/dir/.wh.f" }])],
    plus({}),
  ),
  row(
    "wh-as-dir",
    "whiteout that is a directory entry",
    accepted,
    SAME("works"),
    [layerTar([{ name: "d/.wh.f/", type: "directory" }])],
    without("d/f"),
  ),
  row(
    "wh-with-data",
    "whiteout with content",
    "works, and is given back byte for byte",
    ["works, cannot be saved", "works", "works", "works"],
    [layerTar([{ name: "d/.wh.f", data: "not empty" }])],
    without("d/f"),
  ),
  row(
    "aufs-plnk",
    "`.wh..wh.plnk/1.2`, a hard link to it, and `.wh..wh.aufs`",
    "the link has the content; reserved names never show",
    ["`.wh..wh.plnk` shows", "as docker", "as docker", "as docker"],
    [
      layerTar([
        { name: ".wh..wh.plnk/", type: "directory" },
        { name: ".wh..wh.plnk/1.2", data: "p" },
        { name: ".wh..wh.aufs", data: "" },
        { name: "k", type: "hardlink", link: ".wh..wh.plnk/1.2" },
      ]),
    ],
    plus({ k: 'file "p"' }),
  ),
  row(
    "hardlink-to-lower",
    "hard link to a file of a lower layer",
    "one file with two names, carried into this layer",
    ["refused", "refused", "works", "refused"],
    [layerTar([{ name: "d/hl", type: "hardlink", link: "d/f" }])],
    plus({ "d/f": 'file "lower" = d/f d/hl', "d/hl": 'file "lower" = d/f d/hl' }),
  ),
  row(
    "hardlink-before-target",
    "hard link before its target",
    "refused: there is nothing to link to yet",
    SAME("refused"),
    [
      layerTar([
        { name: "d/hl", type: "hardlink", link: "d/late" },
        { name: "d/late", data: "l" },
      ]),
    ],
    { refused: /hard link to d\/late, but it is not there/ },
  ),
  row(
    "hardlink-abs",
    "hard link with an absolute target",
    "resolved below the root",
    SAME("works"),
    [
      layerTar([
        { name: "d/t", data: "t" },
        { name: "d/hl", type: "hardlink", link: "/d/t" },
      ]),
    ],
    plus({ "d/t": 'file "t" = d/hl d/t', "d/hl": 'file "t" = d/hl d/t' }),
  ),
  row(
    "dup-entry",
    "the same path twice",
    TWICE,
    ["refused", "refused", "last wins", "last wins"],
    [
      layerTar([
        { name: "d/f", data: "first" },
        { name: "d/f", data: "second!" },
      ]),
    ],
    { refused: /duplicates of file paths not supported/, seen: { ...BASE_TREE, "d/f": 'file "second!"' } },
  ),
  row(
    "dup-dir",
    "the same directory twice",
    TWICE,
    ["refused", "refused", "last wins", "last wins"],
    [
      layerTar([
        { name: "d/", type: "directory" },
        { name: "d/", type: "directory", mode: 0o700 },
      ]),
    ],
    { refused: /duplicates of file paths not supported/, seen: BASE_TREE },
  ),
  row(
    "dup-dot-forms",
    "`d/f` and `./d/f`",
    TWICE,
    ["refused", "refused", "last wins", "last wins"],
    [
      layerTar([
        { name: "d/f", data: "1" },
        { name: "./d/f", data: "22" },
      ]),
    ],
    { refused: /duplicates of file paths not supported/, seen: { ...BASE_TREE, "d/f": 'file "22"' } },
  ),
  row(
    "abs-path",
    "absolute name `/d/abs`",
    "below the root",
    SAME("below the root"),
    [layerTar([{ name: "/d/abs", data: "a" }])],
    plus({ "d/abs": 'file "a"' }),
  ),
  row(
    "dotdot-inside",
    "`d/../d/dd`",
    "resolved by text",
    SAME("works"),
    [layerTar([{ name: "d/../d/dd", data: "a" }])],
    plus({ "d/dd": 'file "a"' }),
  ),
  row(
    "dotdot-escape",
    "`../escape`",
    "`/escape`, and given back byte for byte",
    ["`/escape`, cannot be saved", "`/escape`", "`/escape`", "`/escape`"],
    [layerTar([{ name: "../escape", data: "a" }])],
    plus({ escape: 'file "a"' }),
  ),
  row(
    "symlink-escape",
    "`e -> /tmp/x`, then `e/file`",
    "followed inside the root: `/tmp/x/file`",
    ["refused", "refused", "`/tmp/x/file`", "`/tmp/x/file`"],
    [
      layerTar([
        { name: "e", type: "symlink", link: "/tmp/x" },
        { name: "e/file", data: "a" },
      ]),
    ],
    plus({ e: "symlink -> /tmp/x", tmp: "directory", "tmp/x": "directory", "tmp/x/file": 'file "a"' }),
  ),
  row(
    "symlink-escape-rel",
    "`e -> ../../..`, then `e/file`",
    "followed inside the root: `/file`",
    ["`/file`, cannot be saved", "`/file`", "`/file`", "`/file`"],
    [
      layerTar([
        { name: "e", type: "symlink", link: "../../.." },
        { name: "e/file", data: "a" },
      ]),
    ],
    plus({ e: "symlink -> ../../..", file: 'file "a"' }),
  ),
  row(
    "through-lower-file",
    "`d/f/under`, where `d/f` is a file below",
    "`d/f` becomes a directory",
    ["becomes a directory", "becomes a directory", "refused", "becomes a directory"],
    [layerTar([{ name: "d/f/under", data: "a" }])],
    plus({ "d/f": "directory", "d/f/under": 'file "a"' }),
  ),
  row("no-trailer", "no end marker", accepted, SAME("works"), [short.subarray(0, -1024)], withShort),
  row("one-zero-block", "half an end marker", accepted, SAME("works"), [short.subarray(0, -512)], withShort),
  row("zero-length", "a layer of no bytes", "an empty layer", SAME("works"), [Buffer.alloc(0)], plus({})),
  row(
    "junk-after-end",
    "bytes after the end marker",
    "kept: they belong to the diffID",
    SAME("works"),
    [Buffer.concat([short, Buffer.from("junk".repeat(300))])],
    withShort,
  ),
  row(
    "extra-zeros",
    "20 kB of zeros after the end",
    "kept: they belong to the diffID",
    SAME("works"),
    [Buffer.concat([short, Buffer.alloc(20480)])],
    withShort,
  ),
  row(
    "char00",
    "character device 0/0",
    "refused: on overlayfs it is a whiteout, and no driver shall show another tree",
    ["acts as a whiteout", "as docker", "stays a device", "as docker"],
    [layerTar([{ name: "d/f", type: "char", device: [0, 0] }])],
    { refused: /character device 0\/0 cannot be stored/ },
  ),
  row(
    "xattr-overlay-opaque",
    "xattr `trusted.overlay.opaque` in the archive",
    "left out with a warning: it is overlayfs's own",
    ["obeyed", "obeyed", "ignored, with a warning", "ignored"],
    [layerTar([{ name: "d/", type: "directory", xattrs: { "trusted.overlay.opaque": "y" } }])],
    plus({}),
  ),
  row(
    "contiguous-type7",
    "type 7, contiguous file",
    "a file, as POSIX says",
    SAME("refused"),
    [layerTar([{ name: "d/seven", typeflag: "7", data: "abc" }])],
    plus({ "d/seven": 'file "abc"' }),
  ),
  row(
    "regular-nul-type",
    "type NUL, a file of before POSIX",
    accepted,
    SAME("works"),
    [layerTar([{ name: "d/nul", typeflag: "\0", data: "abc" }])],
    plus({ "d/nul": 'file "abc"' }),
  ),
  row(
    "dir-with-size",
    "directory entry with a size",
    "the size says nothing, no data follows; given back byte for byte",
    ["works, cannot be saved", "works", "works", "works"],
    [Buffer.concat([header({ name: "d/", type: "directory" }, 4096), END_OF_ARCHIVE])],
    plus({}),
  ),
  row(
    "unknown-type",
    "type Z",
    "refused: what it should be is not known",
    SAME("refused"),
    [layerTar([{ name: "d/what", typeflag: "Z", data: "abc" }])],
    { refused: /unhandled tar header type 90/ },
  ),
  row(
    "name-256",
    "a name of 256 bytes",
    "refused: no file system takes it",
    SAME("refused"),
    [layerTar([{ name: `d/${"w".repeat(256)}`, data: "w" }])],
    { refused: /a name has 256 bytes, at most 255 are possible/ },
  ),
  row("many-layers-120", "120 layers", accepted, SAME("works"), manyLayers(), manyTree()),
];

function row(
  name: string,
  oddity: string,
  result: string,
  peers: EdgeCase["peers"],
  layers: readonly Buffer[],
  expected: Expected,
): EdgeCase {
  return { name, oddity, result, peers, layers, expected };
}

function plus(changes: Readonly<Record<string, string>>): Expected {
  return { tree: { ...BASE_TREE, ...changes } };
}

function without(path: string): Expected {
  return { tree: Object.fromEntries(Object.entries(BASE_TREE).filter(([key]) => key !== path)) };
}

function seededNoise(length: number): Buffer {
  const bytes = Buffer.alloc(length);
  let state = 1;
  for (let at = 0; at < length; at++) {
    state = (state * 1103515245 + 12345) & 0x7fffffff;
    bytes[at] = state >>> 16;
  }
  return bytes;
}

/** One run of data at 1 MiB of a 2 MiB file. */
function oldGnuSparse(): Buffer {
  const block = header({ name: "s/old-gnu", typeflag: "S" }, noise.length);
  const octal = (value: number, at: number): void => {
    block.write(`${value.toString(8).padStart(11, "0")}\0`, at, "latin1");
  };
  block.write("ustar  \0", 257, "latin1");
  block.fill(0, 345, 500);
  octal(1 << 20, 386);
  octal(noise.length, 398);
  octal(2 << 20, 410);
  octal(0, 422);
  octal(2 << 20, 483);
  return Buffer.concat([rechecked(block), noise]);
}

function paxSparse(): Buffer {
  const map = padded(Buffer.from(`2\n${1 << 20}\n${noise.length}\n${2 << 20}\n0\n`));
  const records = Buffer.concat([
    paxRecord("GNU.sparse.major", "1"),
    paxRecord("GNU.sparse.minor", "0"),
    paxRecord("GNU.sparse.name", "s/pax10"),
    paxRecord("GNU.sparse.realsize", String(2 << 20)),
  ]);
  const body = Buffer.concat([map, noise]);
  return Buffer.concat([
    header({ name: "s/PaxHeaders/pax10", typeflag: "x" }, records.length),
    padded(records),
    header({ name: "s/GNUSparseFile.0/pax10" }, body.length),
    padded(body),
  ]);
}

function rechecked(block: Buffer): Buffer {
  block.fill(" ", 148, 156);
  const sum = block.reduce((total, byte) => total + byte, 0);
  block.write(`${sum.toString(8).padStart(6, "0")}\0 `, 148, "latin1");
  return block;
}

/** Each third layer also removes a file of the one below. */
function manyLayers(): Buffer[] {
  return Array.from({ length: 119 }, (_, i) => {
    const entries: TestEntry[] = [
      { name: `m/${pad(i)}`, data: String(i) },
      { name: "m/top", data: String(i) },
    ];
    if (i % 3 === 2) entries.push({ name: `m/.wh.${pad(i - 1)}` });
    return layerTar(entries);
  });
}

function manyTree(): Expected {
  const kept = Array.from({ length: 119 }, (_, i) => i).filter((i) => i % 3 !== 1 || i + 1 > 118);
  return plus({
    m: "directory",
    "m/top": 'file "118"',
    ...Object.fromEntries(kept.map((i) => [`m/${pad(i)}`, `file "${i}"`])),
  });
}

function pad(i: number): string {
  return String(i).padStart(3, "0");
}
