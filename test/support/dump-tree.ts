import { createHash } from "node:crypto";
import { type BigIntStats, closeSync, lstatSync, openSync, readdirSync, readlinkSync, readSync } from "node:fs";
import { openDirectory } from "../../src/sys/at.ts";
import { close } from "../../src/sys/file.ts";
import { getXattr, listXattrs } from "../../src/sys/xattr.ts";

export type TreeRowType = "file" | "directory" | "symlink" | "char" | "block" | "fifo" | "socket";

/** All that a file system keeps of one node. Paths, names and targets are bytes, written as latin1. */
export interface TreeRow {
  /** Relative to the dumped directory, "" for itself. */
  readonly path: string;
  readonly type: TreeRowType;
  /** Permissions with set-id and sticky bits. */
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  /** Of a file: bytes of content and their digest in hex. */
  readonly size: number | null;
  readonly sha256: string | null;
  readonly target: string | null;
  /** `major:minor`. */
  readonly device: string | null;
  /** `name=hex`, sorted, without those private to overlayfs. */
  readonly xattrs: readonly string[];
  /** Nanoseconds since 1970; null where it is not defined. */
  readonly mtime: bigint | null;
  /** First path of the hard-link group; null for a node with one name in the tree. */
  readonly group: string | null;
}

const READ_SIZE = 1024 * 1024;
const BUFFER = Buffer.alloc(READ_SIZE);

/** The whole tree below `directory`, itself first, sorted by the bytes of the paths. Reads every file. */
export function dumpTree(directory: string): TreeRow[] {
  const found: (TreeRow & { readonly inode: string | null })[] = [];
  const rootFd = openDirectory(directory);
  try {
    const todo = [""];
    for (let path = todo.pop(); path !== undefined; path = todo.pop()) {
      const absolute = absolutePath(directory, path);
      const stat = lstatSync(absolute, { bigint: true });
      found.push({ ...describe(absolute, path, stat), xattrs: xattrsOf(rootFd, path), inode: inodeOf(stat) });
      if (!stat.isDirectory()) continue;
      for (const name of readdirSync(absolute, { encoding: "buffer" })) todo.push(joined(path, name));
    }
  } finally {
    close(rootFd);
  }
  return withGroups(found.sort((a, b) => comparePaths(a.path, b.path)));
}

/** Sorted by path: what only one of the trees has, and each field that differs; none means that the trees are the same. */
export function compareTrees(expected: readonly TreeRow[], actual: readonly TreeRow[]): string[] {
  const wanted = new Map(expected.map((row) => [row.path, row]));
  const present = new Map(actual.map((row) => [row.path, row]));
  const paths = [...new Set([...wanted.keys(), ...present.keys()])].sort(comparePaths);
  return paths.flatMap((path) => compareRows(path, wanted.get(path), present.get(path)));
}

function compareRows(path: string, expected: TreeRow | undefined, actual: TreeRow | undefined): string[] {
  const shown = JSON.stringify(`/${path}`);
  if (expected === undefined) return [`${shown}: a ${actual?.type} that should not be there`];
  if (actual === undefined) return [`${shown}: the ${expected.type} is missing`];
  const fields = Object.keys(expected) as (keyof TreeRow)[];
  return fields
    .filter((field) => !(field === "mtime" && expected.mtime === null))
    .filter((field) => show(field, expected) !== show(field, actual))
    .map((field) => `${shown}: ${field} is ${show(field, actual)}, expected ${show(field, expected)}`);
}

function show(field: keyof TreeRow, row: TreeRow): string {
  return field === "mode" ? row.mode.toString(8) : JSON.stringify(row[field], (_, value) => showBigInt(value));
}

function showBigInt(value: unknown): unknown {
  return typeof value === "bigint" ? `${value} ns` : value;
}

function describe(absolute: Buffer, path: string, stat: BigIntStats): Omit<TreeRow, "xattrs" | "group"> & Groupless {
  const type = typeOf(stat);
  const isFile = type === "file";
  return {
    path,
    type,
    mode: Number(stat.mode & 0o7777n),
    uid: Number(stat.uid),
    gid: Number(stat.gid),
    size: isFile ? Number(stat.size) : null,
    sha256: isFile ? digestOf(absolute) : null,
    target: type === "symlink" ? readlinkSync(absolute, { encoding: "buffer" }).toString("latin1") : null,
    device: type === "char" || type === "block" ? deviceOf(stat.rdev) : null,
    mtime: stat.mtimeNs,
    group: null,
  };
}

interface Groupless {
  readonly group: null;
}

function typeOf(stat: BigIntStats): TreeRowType {
  if (stat.isFile()) return "file";
  if (stat.isDirectory()) return "directory";
  if (stat.isSymbolicLink()) return "symlink";
  if (stat.isCharacterDevice()) return "char";
  if (stat.isBlockDevice()) return "block";
  return stat.isFIFO() ? "fifo" : "socket";
}

/** As glibc's gnu_dev_major and gnu_dev_minor take a device number apart. */
function deviceOf(number: bigint): string {
  const major = ((number >> 8n) & 0xfffn) | ((number >> 32n) & 0xfffff000n);
  const minor = (number & 0xffn) | ((number >> 12n) & 0xffffff00n);
  return `${major}:${minor}`;
}

function digestOf(path: Buffer): string {
  const hash = createHash("sha256");
  const fd = openSync(path, "r");
  try {
    for (let count = readSync(fd, BUFFER); count > 0; count = readSync(fd, BUFFER)) {
      hash.update(BUFFER.subarray(0, count));
    }
  } finally {
    closeSync(fd);
  }
  return hash.digest("hex");
}

function xattrsOf(rootFd: number, path: string): string[] {
  const name = Buffer.from(path === "" ? "." : path, "latin1");
  return listXattrs(rootFd, name)
    .filter((key) => !key.startsWith("trusted.overlay."))
    .map((key) => `${key}=${getXattr(rootFd, name, key)?.toString("hex")}`)
    .sort();
}

function inodeOf(stat: BigIntStats): string | null {
  return stat.isDirectory() || stat.nlink === 1n ? null : `${stat.dev}:${stat.ino}`;
}

function withGroups(rows: readonly (TreeRow & { readonly inode: string | null })[]): TreeRow[] {
  const groups = new Map<string, string[]>();
  for (const { inode, path } of rows) {
    if (inode !== null) groups.set(inode, [...(groups.get(inode) ?? []), path]);
  }
  return rows.map(({ inode, ...row }) => {
    const names = inode === null ? [] : (groups.get(inode) ?? []);
    return { ...row, group: names.length > 1 ? (names[0] ?? null) : null };
  });
}

function absolutePath(directory: string, path: string): Buffer {
  return Buffer.concat([Buffer.from(directory), Buffer.from(`/${path}`, "latin1")]);
}

function joined(path: string, name: Buffer): string {
  return path === "" ? name.toString("latin1") : `${path}/${name.toString("latin1")}`;
}

/** Latin1 text sorts as its bytes do. */
function comparePaths(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
