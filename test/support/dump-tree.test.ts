import { chmodSync, linkSync, mkdirSync, rmSync, symlinkSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { fchownat, openDirectory, tryMknodat, utimensat } from "../../src/sys/at.ts";
import { close } from "../../src/sys/file.ts";
import { S_IFCHR, S_IFIFO } from "../../src/sys/flags.ts";
import { setXattr } from "../../src/sys/xattr.ts";
import { compareTrees, dumpTree } from "./dump-tree.ts";
import { machineRoot } from "./filesystems.ts";
import { requires } from "./requires.ts";
import { scratchDirectory } from "./scratch.ts";

const CHANGES: readonly (readonly [string, (tree: string) => void, string])[] = [
  ["a missing node", (tree) => rmSync(join(tree, "fifo")), '"/fifo": the fifo is missing'],
  ["a node too many", (tree) => mkdirSync(join(tree, "new")), '"/new": a directory that should not be there'],
  ["another mode", (tree) => chmodSync(join(tree, "file"), 0o4644), '"/file": mode is 4644, expected 644'],
  ["another owner", (tree) => withRoot(tree, (fd) => fchownat(fd, FILE, 1, 0)), '"/file": uid is 1, expected 0'],
  ["another group", (tree) => withRoot(tree, (fd) => fchownat(fd, FILE, 0, 2)), '"/file": gid is 2, expected 0'],
  ["another size", (tree) => truncateSync(join(tree, "file"), 0), '"/file": size is 0, expected 7'],
  ["other content", (tree) => writeFileSync(join(tree, "file"), "CONTENT"), '"/file": sha256 is "'],
  [
    "a time one nanosecond off",
    (tree) => withRoot(tree, (fd) => utimensat(fd, FILE, { seconds: 5, nanoseconds: 8 })),
    '"/file": mtime is "5000000008 ns", expected "5000000007 ns"',
  ],
  [
    "another xattr",
    (tree) => withRoot(tree, (fd) => setXattr(fd, FILE, "user.key", Buffer.from([0]))),
    '"/file": xattrs is ["user.key=00"], expected ["user.key=ff0a"]',
  ],
  [
    "another target",
    (tree) => replace(tree, "symlink", (path) => symlinkSync("there", path)),
    '"there", expected "here"',
  ],
  [
    "another device",
    (tree) => replace(tree, "device", () => withRoot(tree, (fd) => void tryMknodat(fd, DEVICE, S_IFCHR, 240, 70_001))),
    '"/device": device is "240:70001", expected "240:70000"',
  ],
  [
    "another type",
    (tree) => replace(tree, "fifo", (path) => writeFileSync(path, "")),
    '"/fifo": type is "file", expected "fifo"',
  ],
  [
    "a link that became a copy",
    (tree) => replace(tree, "link", (path) => writeFileSync(path, "content")),
    '"/link": group is null, expected "file"',
  ],
];

const FILE = Buffer.from("file");
const DEVICE = Buffer.from("device");

describe("the comparison of two trees", () => {
  requires(machineRoot());

  it("finds no difference between equal trees", () => {
    const [one, other] = [makeTree(), makeTree()];
    expect(dumpTree(one).map(({ path }) => path)).toEqual(["", "device", "fifo", "file", "link", "symlink"]);
    expect(compareTrees(dumpTree(one), dumpTree(other))).toEqual([]);
  });

  it.each(CHANGES)("tells %s", (_what, change, told) => {
    const [expected, changed] = [makeTree(), makeTree()];
    change(changed);
    expect(compareTrees(dumpTree(expected), dumpTree(changed)).join("\n")).toContain(told);
  });

  it("tells names that are no UTF-8 apart", () => {
    const [expected, changed] = [makeTree(), makeTree()];
    writeFileSync(Buffer.concat([Buffer.from(`${expected}/`), Buffer.from([0xe9])]), "");
    writeFileSync(Buffer.concat([Buffer.from(`${changed}/`), Buffer.from([0xff])]), "");
    for (const tree of [expected, changed]) setTimes(tree, ".");
    expect(compareTrees(dumpTree(expected), dumpTree(changed))).toEqual([
      '"/\xe9": the file is missing',
      '"/\xff": a file that should not be there',
    ]);
  });

  it("passes over times that the oracle does not tell", () => {
    const [expected, changed] = [makeTree(), makeTree()];
    withRoot(changed, (fd) => utimensat(fd, FILE, { seconds: 6, nanoseconds: 0 }));
    const rows = dumpTree(expected).map((row) => ({ ...row, mtime: null }));
    expect(compareTrees(rows, dumpTree(changed))).toEqual([]);
  });
});

function makeTree(): string {
  const tree = join(scratchDirectory(), "tree");
  mkdirSync(tree);
  writeFileSync(join(tree, "file"), "content");
  chmodSync(join(tree, "file"), 0o644);
  linkSync(join(tree, "file"), join(tree, "link"));
  symlinkSync("here", join(tree, "symlink"));
  withRoot(tree, (fd) => {
    tryMknodat(fd, Buffer.from("fifo"), S_IFIFO, 0, 0);
    tryMknodat(fd, DEVICE, S_IFCHR, 240, 70_000);
    setXattr(fd, FILE, "user.key", Buffer.from([0xff, 0x0a]));
  });
  setTimes(tree, "file", "symlink", "fifo", "device", ".");
  return tree;
}

function setTimes(tree: string, ...names: readonly string[]): void {
  withRoot(tree, (fd) => {
    for (const name of names) utimensat(fd, Buffer.from(name), { seconds: 5, nanoseconds: 7 });
  });
}

function replace(tree: string, name: string, make: (path: string) => void): void {
  rmSync(join(tree, name));
  make(join(tree, name));
}

function withRoot(tree: string, use: (fd: number) => void): void {
  const fd = openDirectory(tree);
  try {
    use(fd);
  } finally {
    close(fd);
  }
}
