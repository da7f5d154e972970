import type { SourceLayer, SourceNode } from "../support/gnu-tar-layers.ts";

/*
 * Layers that stand on each other, between them everything that a layer can hold and do. Paths are bytes as latin1.
 * GNU tar keeps nanoseconds and xattrs in the posix format only.
 */

const POSIX = ["--format=posix", "--xattrs", "--xattrs-include=*"];
/** cap_net_raw+ep, as setcap writes it. */
const CAPABILITY = Buffer.from("0100000200200000000000000000000000000000", "hex");
const BINARY = Buffer.from([0xff, 0x00, 0x01, 0x0a, 0x3d, 0xfe]);
const LONG_NAME = "n".repeat(255);
const LONG_PATH = Array.from({ length: 20 }, (_, index) => `${index}-${"d".repeat(60)}`).join("/");

const utf8 = (text: string): string => Buffer.from(text).toString("latin1");

function directory(path: string, more: Partial<SourceNode> = {}): SourceNode {
  return { path, directory: true, ...more };
}

/** The directories down to a path, and a file there. */
function deep(path: string): SourceNode[] {
  const parts = path.split("/");
  return [
    ...parts.map((_, index) => directory(parts.slice(0, index + 1).join("/"))),
    { path: `${path}/bottom`, data: "b" },
  ];
}

function files(parent: string, ...names: readonly string[]): SourceNode[] {
  return names.map((name) => ({ path: `${parent}/${name}`, data: `${name} of ${parent}` }));
}

const STRANGE_NAMES = [
  "with space",
  "new\nline",
  "tab\t",
  "back\\slash",
  "quote'\"`",
  "-dash",
  "--checkpoint=1",
  ".hidden",
  "..two",
  "...",
  "trailing ",
  "*glob[?]",
  ".wh",
  ".whx",
  "wh.x",
  "control\x01\x7f",
  "a=b",
  "%s%n",
  "\xe9\xff latin1",
  "\xed\xa0\x80 lone surrogate",
  utf8("é-漢字-😀"),
  utf8("e\u0301"),
  LONG_NAME,
];

const attributes: SourceLayer = {
  options: [...POSIX, "--sparse", "--sparse-version=1.0"],
  nodes: [
    directory(".", { mode: 0o751, owner: [7, 8], mtime: [1_500_000_000, 1] }),
    directory("names"),
    ...files("names", ...STRANGE_NAMES),
    directory("modes"),
    ...[0o4755, 0o2755, 0o6711, 0o1644, 0o000, 0o777].map((mode) => ({
      path: `modes/${mode.toString(8)}`,
      data: "m",
      mode,
    })),
    directory("modes/sticky", { mode: 0o1777 }),
    directory("modes/setgid", { mode: 0o2775, owner: [0, 50] }),
    { path: "modes/setgid/file", data: "in a setgid directory", owner: [0, 0] },
    directory("modes/setgid/sub", { owner: [0, 0] }),
    directory("modes/unreadable", { mode: 0 }),
    directory("ids"),
    { path: "ids/2097152", data: "i", owner: [2_097_152, 2_097_153] },
    { path: "ids/largest", data: "i", owner: [4_294_967_294, 3_000_000_000], mode: 0o4711 },
    { path: "ids/link", target: "nowhere", owner: [12, 34] },
    directory("times", { mtime: [1_700_000_000, 123_456_789] }),
    { path: "times/nanosecond", data: "t", mtime: [1_700_000_000, 1] },
    { path: "times/almost", data: "t", mtime: [1_700_000_000, 999_999_999] },
    { path: "times/epoch", data: "t", mtime: [0, 0] },
    { path: "times/before-1970", data: "t", mtime: [-86_400, 250_000_000] },
    { path: "times/after-2106", data: "t", mtime: [5_000_000_000, 5] },
    { path: "times/link", target: "nanosecond", mtime: [1_234_567_890, 987_654_321] },
    { path: "times/fifo", fifo: true, mtime: [1_234_567_890, 100] },
    directory("special"),
    { path: "special/fifo", fifo: true, mode: 0o622 },
    { path: "special/null", device: ["char", 1, 3], mode: 0o666 },
    { path: "special/large", device: ["char", 240, 70_000] },
    { path: "special/block", device: ["block", 7, 200], owner: [0, 6], mode: 0o660 },
    directory("xattrs", { xattrs: { "user.on": "directory", "trusted.of": "root" } }),
    { path: "xattrs/several", data: "x", xattrs: { "user.text": "text", "user.binary": BINARY, "user.empty": "" } },
    { path: "xattrs/large", data: "x", xattrs: { "user.large": Buffer.alloc(1500, "v\n=\0") } },
    { path: "xattrs/capability", data: "c", mode: 0o755, xattrs: { "security.capability": CAPABILITY } },
    { path: "xattrs/owned", data: "c", owner: [5, 5], mode: 0o4755, xattrs: { "security.capability": CAPABILITY } },
    { path: "xattrs/link", target: "several", xattrs: { "trusted.on": "link" } },
    { path: "xattrs/fifo", fifo: true, xattrs: { "trusted.on": "fifo" } },
    { path: "xattrs/device", device: ["char", 1, 5], xattrs: { "trusted.on": "device" } },
    directory("links"),
    { path: "links/a", data: "linked", mode: 0o4711, xattrs: { "user.of": "all", "security.capability": CAPABILITY } },
    { path: "links/b", hardLink: "links/a" },
    { path: "links/c", hardLink: "links/a" },
    { path: "links/fifo", fifo: true },
    { path: "links/fifo2", hardLink: "links/fifo" },
    { path: "links/symlink", target: "b" },
    { path: "links/symlink2", hardLink: "links/symlink" },
    { path: "links/null", device: ["char", 1, 3] },
    { path: "links/null2", hardLink: "links/null" },
    { path: "links/absolute", target: "/etc/passwd" },
    { path: "links/long", target: "t/".repeat(1000) },
    { path: "links/strange", target: "\xff\n\xe9" },
    { path: `links/${LONG_NAME}`, data: "long" },
    { path: "links/to-long", hardLink: `links/${LONG_NAME}` },
    directory("sizes"),
    ...[0, 1, 511, 512, 513, 10_240].map((size) => ({ path: `sizes/${size}`, data: Buffer.alloc(size, "s") })),
    { path: "sizes/sparse", sparse: { size: 5_000_000, blocks: [65_536, 1_048_576, 4_194_304] } },
    { path: "sizes/hole", sparse: { size: 1_000_000, blocks: [] } },
    directory("deep"),
    ...deep(LONG_PATH).map((node) => ({ ...node, path: `deep/${node.path}` })),
  ],
};

const ground: SourceLayer = {
  options: ["--format=gnu", "--sparse"],
  nodes: [
    directory("."),
    directory("old"),
    {
      path: "old/sparse",
      sparse: { size: 9_000_000, blocks: [8192, 100_000, 200_000, 300_000, 400_000, 500_000, 8_000_000] },
    },
    { path: "old/ids", data: "i", owner: [4_000_000_000, 2_097_152] },
    { path: "old/early", data: "t", mtime: [-5, 0] },
    { path: "old/link", target: "l".repeat(500) },
    ...deep(LONG_PATH.slice(0, 600)).map((node) => ({ ...node, path: `old/${node.path}` })),
    directory("gone"),
    ...files("gone", "one", "two", "three", "\xff.\n"),
    directory("gone/sub"),
    ...files("gone/sub", "deep"),
    directory("opaque"),
    ...files("opaque", "one", "two"),
    directory("opaque/sub"),
    ...files("opaque/sub", "three"),
    directory("again"),
    ...files("again", "file"),
    directory("again/directory"),
    ...files("again/directory", "child"),
    directory("group"),
    ...files("group", "a"),
    { path: "group/b", hardLink: "group/a" },
    { path: "group/c", hardLink: "group/a" },
    ...files("group", "single"),
    directory("turn"),
    ...files("turn", "file-directory", "file-symlink", "file-fifo", "file-device"),
    ...["directory-file", "directory-symlink", "directory-fifo"].flatMap((name) => [
      directory(`turn/${name}`),
      ...files(`turn/${name}`, "inner"),
    ]),
    { path: "turn/symlink-directory", target: "../gone" },
    { path: "turn/symlink-file", target: "../gone/one" },
    { path: "turn/device-file", device: ["char", 1, 7] },
    { path: "turn/fifo-directory", fifo: true },
    directory("changed", { mode: 0o700, owner: [1, 2] }),
    ...files("changed", "content", "untouched"),
    directory("untouched", { mode: 0o710, owner: [3, 4], mtime: [1_111_111_111, 0] }),
    ...files("untouched", "file"),
  ],
};

const attributesOfDirectories: SourceLayer = {
  options: POSIX,
  only: ["xattrs", "changed", "old"],
  nodes: [
    directory("xattrs", { mode: 0o500, owner: [9, 9], xattrs: { "user.other": "now" }, mtime: [1_650_000_000, 7] }),
    directory("changed", { xattrs: { "user.first": "1" }, mtime: [1_650_000_000, 8] }),
    directory("old", { mode: 0o3777 }),
  ],
};

const deletions: SourceLayer = {
  options: POSIX,
  nodes: [
    directory("."),
    directory("gone", { mtime: [1_700_000_001, 500] }),
    { path: "gone/.wh.one" },
    { path: "gone/.wh.sub" },
    { path: "gone/.wh.\xff.\n" },
    { path: "gone/.wh.never-was" },
    directory("opaque", { mode: 0o711 }),
    { path: "opaque/.wh..wh..opq" },
    ...files("opaque", "two", "new"),
    directory("opaque/sub"),
    ...files("opaque/sub", "new"),
    directory("again"),
    { path: "again/.wh.file" },
    { path: "again/.wh.directory" },
    ...files("again", "file"),
    directory("again/directory", { mode: 0o770 }),
    ...files("again/directory", "other"),
    directory("group"),
    { path: "group/.wh.a" },
    { path: "group/b", data: "replaced" },
    directory("turn"),
    directory("turn/file-directory"),
    ...files("turn/file-directory", "inner"),
    { path: "turn/file-symlink", target: "file-directory" },
    { path: "turn/file-fifo", fifo: true },
    { path: "turn/file-device", device: ["block", 8, 1] },
    { path: "turn/directory-file", data: "file" },
    { path: "turn/directory-symlink", target: "." },
    { path: "turn/directory-fifo", fifo: true },
    directory("turn/symlink-directory"),
    ...files("turn/symlink-directory", "inner"),
    { path: "turn/symlink-file", data: "file" },
    { path: "turn/device-file", data: "file" },
    directory("turn/fifo-directory"),
    directory("changed", { mode: 0o705, owner: [5, 6] }),
    { path: "changed/content", data: "new content", mtime: [1_700_000_002, 42] },
  ],
};

/** Paths alone: what is above them keeps what it has, or is implied. */
const withoutParents: SourceLayer = {
  options: ["--format=ustar"],
  only: ["untouched/added", "opaque/sub/later", "implied/twice/file", "gone/.wh.two", "again/directory/.wh.other"],
  nodes: [
    directory("untouched"),
    ...files("untouched", "added"),
    directory("opaque"),
    directory("opaque/sub"),
    ...files("opaque/sub", "later"),
    directory("implied"),
    directory("implied/twice"),
    ...files("implied/twice", "file"),
    directory("gone"),
    { path: "gone/.wh.two" },
    directory("again"),
    directory("again/directory"),
    { path: "again/directory/.wh.other" },
  ],
};

const empty: SourceLayer = { options: ["--format=gnu"], only: [], nodes: [] };

/** `group/single` is a lower layer's file: its entry is taken out, that of the link to it stays. */
const linkToBelow: SourceLayer = {
  options: ["--format=posix"],
  only: ["group/single", "group/zz-link"],
  deleted: ["group/single"],
  nodes: [directory("group"), ...files("group", "single"), { path: "group/zz-link", hardLink: "group/single" }],
};

const deletedAgain: SourceLayer = {
  options: ["--format=posix"],
  nodes: [
    directory(".", { mode: 0o755, mtime: [1_699_999_999, 999_999_999] }),
    { path: ".wh.implied" },
    directory("opaque"),
    { path: "opaque/.wh..wh..opq" },
    directory("turn"),
    { path: "turn/.wh.file-fifo" },
    directory("turn/directory-file"),
    ...files("turn/directory-file", "third time"),
    directory("gone"),
    ...files("gone", "one"),
    directory("links"),
    { path: "links/.wh.a" },
    directory("names"),
    ...STRANGE_NAMES.filter((_, index) => index % 2 === 0)
      .map((name) => `.wh.${name}`)
      .filter((name) => name.length <= 255 && !name.startsWith(".wh..wh"))
      .map((name) => ({ path: `names/${name}` })),
  ],
};

/** Lowest first. */
export const GNU_TAR_LAYERS: readonly SourceLayer[] = [
  attributes,
  ground,
  attributesOfDirectories,
  deletions,
  withoutParents,
  empty,
  linkToBelow,
  deletedAgain,
];
