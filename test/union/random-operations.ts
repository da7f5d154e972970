import { spawnSync } from "node:child_process";
import {
  appendFileSync,
  chmodSync,
  closeSync,
  constants,
  copyFileSync,
  lchownSync,
  linkSync,
  mkdirSync,
  openSync,
  renameSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { basename, dirname } from "node:path";
import fc from "fast-check";
import { digestOf } from "../../src/core/digest.ts";
import { check, openDirectory, tryMknodat, utimensat } from "../../src/sys/at.ts";
import { close } from "../../src/sys/file.ts";
import { AT_FDCWD, S_IFBLK, S_IFCHR, S_IFIFO } from "../../src/sys/flags.ts";
import { removeTree } from "../../src/sys/remove-tree.ts";
import { type NodeKind, type Stat, tryStatat } from "../../src/sys/stat.ts";
import { setXattr } from "../../src/sys/xattr.ts";
import { snapshot } from "../support/snapshot.ts";

/** What a program does to a tree. Paths are keys. */
export interface Operation {
  readonly verb: string;
  readonly path: string;
  /** Where it takes something from. */
  readonly from: string;
}

interface Verb {
  /** What `path` may be; "absent" where nothing is there. */
  readonly on: readonly (NodeKind | "absent")[];
  /** What `from` may be, if it is of account. */
  readonly of?: readonly NodeKind[];
  act(path: Buffer, from: Buffer): void;
}

/** `cap_net_bind_service+p`, as the kernel keeps it. */
export const CAPABILITY: Buffer = Buffer.from("0100000200040000000000000000000000000000", "hex");
const NODES: readonly NodeKind[] = ["file", "symlink", "char", "block", "fifo"];
const ALL: readonly NodeKind[] = [...NODES, "directory"];

const VERBS: Readonly<Record<string, Verb>> = {
  write: { on: ["absent", "file"], act: (path) => writeFileSync(path, "new content") },
  append: { on: ["file"], act: (path) => appendFileSync(path, "more") },
  truncate: { on: ["file"], act: (path) => truncateSync(path, 1) },
  // Other content of the old size and time.
  disguise: {
    on: ["file"],
    act(path) {
      const { size, mtime } = tryStatat(AT_FDCWD, path) as Stat;
      writeFileSync(path, "=".repeat(size));
      utimensat(AT_FDCWD, path, mtime);
    },
  },
  // overlayfs copies it up, and nothing changes.
  open: { on: ["file"], act: (path) => closeSync(openSync(path, constants.O_RDWR)) },
  chmod: { on: ["file", "directory", "char", "block", "fifo"], act: (path) => chmodSync(path, 0o711) },
  chown: { on: ALL, act: (path) => lchownSync(path, 7, 8) },
  touch: { on: ALL, act: (path) => utimensat(AT_FDCWD, path, { seconds: 1_500_000_000, nanoseconds: 5 }) },
  note: { on: ["file", "directory"], act: (path) => setAttribute(path.toString(), "user.note", Buffer.from("n")) },
  capability: { on: ["file"], act: (path) => setAttribute(path.toString(), "security.capability", CAPABILITY) },
  mkdir: { on: ["absent"], act: (path) => mkdirSync(path) },
  symlink: { on: ["absent"], act: (path) => symlinkSync("a/b", path) },
  fifo: { on: ["absent"], act: (path) => makeNode(path, S_IFIFO, 0, 0) },
  char: { on: ["absent"], act: (path) => makeNode(path, S_IFCHR, 1, 3) },
  block: { on: ["absent"], act: (path) => makeNode(path, S_IFBLK, 7, 300) },
  hole: {
    on: ["absent"],
    act(path) {
      writeFileSync(path, "");
      truncateSync(path, 70_000);
    },
  },
  remove: { on: ALL, act: remove },
  // An opaque directory, where the layers below have it.
  remake: {
    on: ALL,
    act(path) {
      remove(path);
      mkdirSync(path);
    },
  },
  link: { on: ["absent"], of: NODES, act: (path, from) => linkSync(from, path) },
  copy: { on: ["absent", "file"], of: ["file"], act: (path, from) => copyFileSync(from, path) },
  // mv copies where overlayfs does not rename a directory.
  moveDirectory: { on: ["absent"], of: ["directory"], act: moveDirectory },
  rename: { on: ["absent", ...NODES], of: NODES, act: (path, from) => renameSync(from, path) },
};

const name = fc.constantFrom("a", "b", "c");
const path = fc.array(name, { minLength: 1, maxLength: 3 }).map((parts) => parts.join("/"));

export const operations: fc.Arbitrary<readonly Operation[]> = fc.array(
  fc.record({ verb: fc.constantFrom(...Object.keys(VERBS)), path, from: path }),
  { minLength: 1, maxLength: 12 },
);

/** Those of them that fit are done, one after the other; the same on equal trees. Symlinks are not followed. */
export function carryOut(directory: string, list: readonly Operation[]): void {
  for (const { verb, path, from } of list) {
    const { on, of, act } = VERBS[verb]!;
    if (!on.some((kind) => kind === kindAt(directory, path))) continue;
    if (of !== undefined && !of.some((kind) => kind === kindAt(directory, from))) continue;
    if (`${path}/`.startsWith(`${from}/`) && of !== undefined) continue;
    act(within(directory, path), within(directory, from));
  }
}

/** Gives all that was changed since `start` (in seconds) times that follow from the paths. */
export function settleTimes(directory: string, start: number): void {
  for (const { path, mtime } of snapshot(directory)) {
    const seconds = Number.parseInt(mtime, 10);
    if (seconds < start || seconds >= 2 ** 33) continue;
    const hash = Number.parseInt(digestOf(Buffer.from(path)).slice(-6), 16);
    utimensat(AT_FDCWD, within(directory, path), { seconds: 1_600_000_000 + hash, nanoseconds: hash });
  }
}

function moveDirectory(path: Buffer, from: Buffer): void {
  const { status, stderr } = spawnSync("mv", ["-fT", from.toString(), path.toString()]);
  if (status !== 0) throw new Error(stderr.toString());
}

export function setAttribute(path: string, key: string, value: Buffer): void {
  const fd = openDirectory(dirname(path));
  try {
    setXattr(fd, Buffer.from(basename(path)), key, value);
  } finally {
    close(fd);
  }
}

function remove(path: Buffer): void {
  removeTree(AT_FDCWD, path);
}

function makeNode(path: Buffer, type: number, major: number, minor: number): void {
  check(tryMknodat(AT_FDCWD, path, type | 0o600, major, minor), "make", path);
}

/** Null where a directory above is none. */
function kindAt(directory: string, path: string): NodeKind | "absent" | null {
  const above = path.lastIndexOf("/");
  if (above !== -1 && kindAt(directory, path.slice(0, above)) !== "directory") return null;
  const stat = tryStatat(AT_FDCWD, within(directory, path));
  return typeof stat === "number" ? "absent" : stat.kind;
}

function within(directory: string, path: string): Buffer {
  return Buffer.concat([Buffer.from(`${directory}/`), Buffer.from(path, "latin1")]);
}
