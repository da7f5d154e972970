import { createHash } from "node:crypto";
import { lstatSync, readdirSync, readFileSync, readlinkSync } from "node:fs";

/** Each path of a tree with one line that tells kind, mode, content and the other names of its inode. */
export type TreeLines = Readonly<Record<string, string>>;

export function fileLine(mode: number, content: Buffer): string {
  return `file ${mode.toString(8)} ${createHash("sha1").update(content).digest("hex")}`;
}

export function directoryLine(mode: number): string {
  return `directory ${mode.toString(8)}`;
}

export function symlinkLine(target: string): string {
  return `symlink ${target}`;
}

/** Adds to the lines of paths that share an inode which they are, and puts all in order. */
export function withLinks(lines: ReadonlyMap<string, string>, inodes: ReadonlyMap<string, string>): TreeLines {
  const groups = Map.groupBy(inodes.keys(), (path) => inodes.get(path));
  const shown = [...lines].map(([path, line]): [string, string] => {
    const names = groups.get(inodes.get(path)) ?? [];
    return [path, names.length > 1 ? `${line} = ${names.sort().join(" ")}` : line];
  });
  return Object.fromEntries(shown.sort(([a], [b]) => (a < b ? -1 : 1)));
}

/** What lies below `root` on disk. */
export function readTreeLines(root: string): TreeLines {
  const lines = new Map<string, string>();
  const inodes = new Map<string, string>();
  for (const name of readdirSync(root, { recursive: true, encoding: "utf8" })) {
    const path = `${root}/${name}`;
    const { mode, ino } = lstatSync(path);
    const permissions = mode & 0o7777;
    const kind = mode & 0o170000;
    if (kind === 0o040000) lines.set(name, directoryLine(permissions));
    else if (kind === 0o120000) lines.set(name, symlinkLine(readlinkSync(path)));
    else if (kind === 0o100000) lines.set(name, fileLine(permissions, readFileSync(path)));
    else lines.set(name, `special ${mode.toString(8)}`);
    if (kind === 0o100000) inodes.set(name, String(ino));
  }
  return withLinks(lines, inodes);
}
