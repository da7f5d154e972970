import { spawnSync } from "node:child_process";
import {
  linkSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { fchmodat, fchownat, openDirectory, tryMknodat, utimensat } from "../../src/sys/at.ts";
import { close } from "../../src/sys/file.ts";
import { S_IFBLK, S_IFCHR, S_IFIFO } from "../../src/sys/flags.ts";
import { listXattrs, removeXattr, setXattr } from "../../src/sys/xattr.ts";
import { dumpTree, type TreeRow } from "./dump-tree.ts";
import { findProgram, type Requirement } from "./machine.ts";

/*
 * Layers packed by GNU tar from trees on disk, and the union of such layers as GNU tar extracts it. Paths are bytes,
 * written as latin1.
 */

/** A node to make. Everything but the path has a default; a type comes from the field that only it has. */
export interface SourceNode {
  readonly path: string;
  readonly data?: string | Buffer;
  readonly directory?: true;
  readonly target?: string;
  /** An earlier path of the same tree. */
  readonly hardLink?: string;
  readonly device?: readonly ["char" | "block", major: number, minor: number];
  readonly fifo?: true;
  /** Holes before and between blocks of content at these offsets. */
  readonly sparse?: { readonly size: number; readonly blocks: readonly number[] };
  readonly mode?: number;
  readonly owner?: readonly [uid: number, gid: number];
  readonly mtime?: readonly [seconds: number, nanoseconds: number];
  readonly xattrs?: Readonly<Record<string, string | Buffer>>;
}

export interface SourceLayer {
  readonly nodes: readonly SourceNode[];
  /** Words for GNU tar, such as `--format=posix`. */
  readonly options: readonly string[];
  /** Packs only these paths, without what is above them; otherwise all, the root included. */
  readonly only?: readonly string[];
  /** Paths taken out of the finished archive again. */
  readonly deleted?: readonly string[];
}

const XATTRS = ["--xattrs", "--xattrs-include=*"];
const MTIME = [1_600_000_000, 0] as const;

/** GNU tar, for `requires`. */
export function gnuTar(): Requirement {
  const { stdout } = spawnSync(findProgram("tar") ?? "tar", ["--version"], { encoding: "utf8" });
  return (stdout ?? "").includes("GNU tar") ? null : "tar on this machine is not GNU tar";
}

/** Makes the tree in `directory`, which must be absent, and packs it. */
export function packLayer(layer: SourceLayer, directory: string): Buffer {
  makeTree(layer.nodes, directory);
  const archive = `${directory}.tar`;
  const words = ["--create", "--file", archive, "--directory", directory, "--numeric-owner", "--sort=name"];
  const names = layer.only ?? ["."];
  const list = Buffer.from(names.map((name) => `${name}\0`).join(""), "latin1");
  const recursion = layer.only === undefined ? [] : ["--no-recursion"];
  tar([...words, ...layer.options, ...recursion, "--null", "--verbatim-files-from", "--files-from=-"], list);
  for (const path of layer.deleted ?? []) tar(["--delete", "--file", archive, path]);
  return readFileSync(archive);
}

/**
 * The union of layers by the plain words of the OCI rules: what a layer deletes goes first, then GNU tar extracts the
 * layer over what is there. `directory` must be absent. The times of directories that a layer changes without having
 * an entry for them are not defined.
 */
export function extractLayers(
  layers: readonly SourceLayer[],
  archives: readonly Buffer[],
  directory: string,
): TreeRow[] {
  mkdirSync(directory);
  const untold = new Set<string>();
  for (const [index, layer] of layers.entries()) {
    const packed = packedNodes(layer);
    for (const path of whiteouts(packed)) applyWhiteout(directory, path);
    for (const node of packed) if (!isWhiteout(node.path)) clearTheWay(directory, node);
    const words = [
      "--extract",
      "--file=-",
      "--directory",
      directory,
      "--numeric-owner",
      "--same-owner",
      "--same-permissions",
    ];
    tar([...words, ...XATTRS, "--delay-directory-restore", "--exclude=.wh.*"], archives[index]);
    noteTimes(packed, untold);
  }
  return dumpTree(directory).map((row) => (untold.has(row.path) ? { ...row, mtime: null } : row));
}

function packedNodes({ nodes, only, deleted = [] }: SourceLayer): SourceNode[] {
  const all: SourceNode[] = nodes.some(({ path }) => path === ".")
    ? [...nodes]
    : [{ path: ".", directory: true }, ...nodes];
  return all.filter(({ path }) => only?.includes(path) !== false && !deleted.includes(path));
}

function isWhiteout(path: string): boolean {
  return path.split("/").some((part) => part.startsWith(".wh."));
}

/** Opaque markers first: both hide only what lies below this layer. */
function whiteouts(nodes: readonly SourceNode[]): string[] {
  const paths = nodes.map(({ path }) => path).filter(isWhiteout);
  return paths.sort((a, b) => Number(b.endsWith("/.wh..wh..opq")) - Number(a.endsWith("/.wh..wh..opq")));
}

function applyWhiteout(directory: string, path: string): void {
  const { parent, name } = split(path);
  const at = bytes(directory, parent);
  if (lstatSync(at, { throwIfNoEntry: false })?.isDirectory() !== true) return;
  if (name !== ".wh..wh..opq") {
    rmSync(bytes(directory, join(parent, name.slice(".wh.".length))), { recursive: true, force: true });
    return;
  }
  for (const child of readdirSync(at, { encoding: "buffer" })) {
    rmSync(bytes(directory, join(parent, child.toString("latin1"))), { recursive: true });
  }
}

/** GNU tar replaces no directory that holds something, and leaves a directory the attributes that it has. */
function clearTheWay(directory: string, node: SourceNode): void {
  const path = bytes(directory, node.path);
  const found = lstatSync(path, { throwIfNoEntry: false });
  if (found === undefined) return;
  if (found.isDirectory() && node.directory) dropXattrs(directory, node.path);
  else rmSync(path, { recursive: true });
}

function dropXattrs(directory: string, path: string): void {
  const fd = openDirectory(directory);
  const name = Buffer.from(path, "latin1");
  for (const key of listXattrs(fd, name)) removeXattr(fd, name, key);
  close(fd);
}

function noteTimes(packed: readonly SourceNode[], untold: Set<string>): void {
  const named = new Set(packed.map(({ path }) => (path === "." ? "" : path)));
  for (const path of named) {
    if (path === "") continue;
    for (let above = split(path).parent; ; above = split(above).parent) {
      if (!named.has(above)) untold.add(above);
      if (above === "") break;
    }
  }
  for (const { path, directory } of packed) if (directory) untold.delete(path === "." ? "" : path);
}

/** Attributes come last and from the leaves up, so that nothing undoes them. */
function makeTree(nodes: readonly SourceNode[], directory: string): void {
  mkdirSync(directory);
  const rootFd = openDirectory(directory);
  try {
    for (const node of nodes) makeNode(rootFd, directory, node);
    for (const node of nodes) setAttributes(rootFd, node);
    for (const { path, mtime = MTIME } of [...nodes].reverse()) {
      utimensat(rootFd, Buffer.from(path, "latin1"), { seconds: mtime[0], nanoseconds: mtime[1] });
    }
  } finally {
    close(rootFd);
  }
}

function makeNode(rootFd: number, directory: string, node: SourceNode): void {
  const path = bytes(directory, node.path);
  if (node.path === ".") return;
  if (node.directory) mkdirSync(path);
  else if (node.target !== undefined) symlinkSync(Buffer.from(node.target, "latin1"), path);
  else if (node.hardLink !== undefined) linkSync(bytes(directory, node.hardLink), path);
  else if (node.fifo) mustBeZero(tryMknodat(rootFd, Buffer.from(node.path, "latin1"), S_IFIFO | 0o600, 0, 0));
  else if (node.device !== undefined) {
    const [kind, major, minor] = node.device;
    const type = kind === "char" ? S_IFCHR : S_IFBLK;
    mustBeZero(tryMknodat(rootFd, Buffer.from(node.path, "latin1"), type | 0o600, major, minor));
  } else writeFileSync(path, node.data ?? "");
  if (node.sparse !== undefined) writeSparse(path, node.sparse);
}

function writeSparse(path: Buffer, { size, blocks }: NonNullable<SourceNode["sparse"]>): void {
  for (const offset of blocks) {
    truncateSync(path, offset);
    writeFileSync(path, Buffer.alloc(4096, `at ${offset} `), { flag: "a" });
  }
  truncateSync(path, size);
}

function setAttributes(rootFd: number, node: SourceNode): void {
  const name = Buffer.from(node.path, "latin1");
  if (node.hardLink !== undefined) return;
  if (node.owner !== undefined) fchownat(rootFd, name, ...node.owner);
  if (node.target === undefined) fchmodat(rootFd, name, node.mode ?? (node.directory ? 0o755 : 0o644));
  for (const [key, value] of Object.entries(node.xattrs ?? {})) setXattr(rootFd, name, key, Buffer.from(value));
}

function tar(words: readonly string[], input?: Buffer | undefined): Buffer {
  const env = { ...process.env, LC_ALL: "C" };
  const { status, stdout, stderr, error } = spawnSync("tar", words, { input, env, maxBuffer: 2 ** 28 });
  if (status !== 0) throw new Error(`tar ${words.join(" ")}: ${error?.message ?? stderr.toString()}`);
  return stdout;
}

function mustBeZero(result: number): void {
  if (result !== 0) throw new Error(`mknod failed: ${result}`);
}

function split(path: string): { parent: string; name: string } {
  const slash = path.lastIndexOf("/");
  return slash === -1 ? { parent: "", name: path } : { parent: path.slice(0, slash), name: path.slice(slash + 1) };
}

function join(parent: string, name: string): string {
  return parent === "" ? name : `${parent}/${name}`;
}

function bytes(directory: string, path: string): Buffer {
  return Buffer.concat([Buffer.from(`${directory}/`), Buffer.from(path, "latin1")]);
}
