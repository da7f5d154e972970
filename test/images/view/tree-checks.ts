import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { rmSync } from "node:fs";
import { join } from "node:path";
import { inWholeSeconds } from "../../support/docker-export.ts";
import { compareTrees, dumpTree, type TreeRow } from "../../support/dump-tree.ts";
import { LAYERFS } from "../lane.ts";
import { command, makeOpen, NOBODY, type Place, run, runJSON } from "./unprivileged.ts";

/* Each compares what a command says or writes with the rows that are expected, and returns the differences. */

const SAMPLED_FILES = 5;

interface ListedNode {
  readonly path: JSONBytes;
  readonly kind: TreeRow["type"];
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly size: number;
  readonly mtime: { readonly seconds: number; readonly nanoseconds: number };
  readonly linkTarget: JSONBytes | null;
  readonly device: { readonly major: number; readonly minor: number } | null;
}

/** Bytes in the JSON that the commands print. */
export type JSONBytes = string | { readonly base64: string };

export function latin1(text: JSONBytes): string {
  return (typeof text === "string" ? Buffer.from(text) : Buffer.from(text.base64, "base64")).toString("latin1");
}

/** Contents, attributes and hard links are not in a list: there it agrees with whatever is expected. */
export function checkList(place: Place, source: string, rows: readonly TreeRow[]): string[] {
  const listed = runJSON<ListedNode[]>(place, ["ls", "-R", "--format", "json", source]);
  const known = new Map(rows.map((row) => [row.path, row]));
  const found = listed.map((node): TreeRow => {
    const path = latin1(node.path).slice(1);
    const { sha256 = null, xattrs = [], group = null } = known.get(path) ?? {};
    return {
      ...{ path, type: node.kind, mode: node.mode, uid: node.uid, gid: node.gid, sha256, xattrs, group },
      size: node.kind === "file" ? node.size : null,
      target: node.linkTarget === null ? null : latin1(node.linkTarget),
      device: node.kind === "fifo" || node.device === null ? null : `${node.device.major}:${node.device.minor}`,
      mtime: BigInt(node.mtime.seconds) * 1_000_000_000n + BigInt(node.mtime.nanoseconds),
    };
  });
  return compareTrees(withoutRoot(rows), found);
}

/** Some files from all over the tree, and one that a symlink leads to. Only names in UTF-8 can be given to a command. */
export function checkFiles(place: Place, source: string, rows: readonly TreeRow[]): string[] {
  const files = rows.filter(({ type, path }) => type === "file" && isNameable(path));
  const step = Math.max(1, Math.floor(files.length / SAMPLED_FILES));
  const sampled = files.filter((_, index) => index % step === 0);
  const links = rows.flatMap((row) => (row.type === "symlink" && isNameable(row.path) ? throughLink(rows, row) : []));
  return [...sampled, ...links.slice(0, 1)].flatMap(({ path, sha256 }) => {
    const words = ["cat", source, `/${Buffer.from(path, "latin1")}`];
    const found = createHash("sha256").update(run(place, words)).digest("hex");
    return found === sha256 ? [] : [`/${path}: its content has the digest ${found}, expected ${sha256}`];
  });
}

function isNameable(path: string): boolean {
  return Buffer.from(Buffer.from(path, "latin1").toString(), "utf8").equals(Buffer.from(path, "latin1"));
}

/** A symlink to a file beside it, with the content of that. */
function throughLink(rows: readonly TreeRow[], { path, target }: TreeRow): { path: string; sha256: string | null }[] {
  if (target === null || target.includes("/")) return [];
  const beside = path.slice(0, path.lastIndexOf("/") + 1) + target;
  const file = rows.find((row) => row.path === beside && row.type === "file");
  return file === undefined ? [] : [{ path, sha256: file.sha256 }];
}

/**
 * What GNU tar makes of the exported tar as root: to the nanosecond what is expected, and to the second what `docker
 * export` gives, if that is known, without what it puts into each container and without its attributes.
 */
export function checkExport(
  place: Place,
  source: string,
  rows: readonly TreeRow[],
  exportedByDocker: readonly TreeRow[] | null,
): string[] {
  return inDirectory(place, (tree) => {
    const script = 'out=$1; shift; "$@" | tar -xp --numeric-owner --xattrs --xattrs-include="*" -C "$out"';
    const pipe = ["-o", "pipefail", "-c", script, "sh", tree];
    const { status, stderr } = spawnSync("bash", [...pipe, ...command(place, ["export", source])]);
    if (status !== 0) return [`the status is ${status}: ${stderr}`];
    const found = dumpTree(tree);
    const differences = compareTrees(withoutRoot(rows), withoutRoot(found));
    if (exportedByDocker === null) return differences;
    const plain = found.map((row) => ({ ...row, xattrs: [] }));
    const fromDocker = compareTrees(exportedByDocker, inWholeSeconds(plain));
    return [...differences, ...fromDocker.map((difference) => `beside docker export: ${difference}`)];
  });
}

/** As root, so that owners can be kept. */
export function checkCopy(place: Place, source: string, rows: readonly TreeRow[]): string[] {
  return inDirectory(place, (directory) => {
    const tree = join(directory, "tree");
    const { status, stderr } = spawnSync(LAYERFS, ["--root", "/proc/no-root", "cp", "-a", `${source}:/`, tree]);
    return status === 0 ? compareTrees(withoutRoot(rows), withoutRoot(dumpTree(tree))) : [`cp: ${stderr}`];
  });
}

/** What only root may set is left out of the copy, and is not expected. */
export function checkOwnCopy(place: Place, source: string, rows: readonly TreeRow[]): string[] {
  return inDirectory(place, (directory) => {
    const tree = join(directory, "tree");
    run(place, ["cp", `${source}:/`, tree]);
    return compareTrees(withoutRoot(rows).flatMap(ownedByNobody), withoutRoot(dumpTree(tree)));
  });
}

function ownedByNobody(row: TreeRow): TreeRow[] {
  if (row.type === "char" || row.type === "block") return [];
  const mayHave = row.type === "file" || row.type === "directory" ? row.xattrs : [];
  return [{ ...row, uid: NOBODY, gid: NOBODY, xattrs: mayHave.filter((each) => each.startsWith("user.")) }];
}

function inDirectory(place: Place, act: (directory: string) => string[]): string[] {
  const directory = join(place.directory, "work");
  makeOpen(directory);
  try {
    return act(directory);
  } finally {
    rmSync(directory, { recursive: true });
  }
}

/** A list need not tell what the root is. */
function withoutRoot(rows: readonly TreeRow[]): TreeRow[] {
  return rows.filter(({ path }) => path !== "");
}
