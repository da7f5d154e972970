import { createHash } from "node:crypto";
import { type BigIntStats, lstatSync, readdirSync, readFileSync, readlinkSync } from "node:fs";
import { openDirectory } from "../../src/sys/at.ts";
import { close } from "../../src/sys/file.ts";
import { getXattr, listXattrs } from "../../src/sys/xattr.ts";

/** All that can be told of each node below a directory, but when it was last read; by path, "" for the directory itself. */
export type Fingerprint = ReadonlyMap<string, string>;

/** Other than `dumpTree` it sees inode numbers, times of change and the attributes of overlayfs. Sockets and pipes are not opened. */
export function fingerprint(directory: string): Fingerprint {
  const found = new Map<string, string>();
  const rootFd = openDirectory(directory);
  try {
    for (const todo = [""]; todo.length > 0; ) {
      const path = todo.pop()!;
      const absolute = Buffer.concat([Buffer.from(`${directory}/`), Buffer.from(path, "latin1")]);
      const stat = lstatSync(absolute, { bigint: true });
      found.set(path, [factsOf(stat), contentOf(absolute, stat), ...xattrsOf(rootFd, path)].join(" "));
      if (!stat.isDirectory()) continue;
      const names = readdirSync(absolute, { encoding: "buffer" }).map((name) => name.toString("latin1"));
      todo.push(...names.map((name) => (path === "" ? name : `${path}/${name}`)));
    }
  } finally {
    close(rootFd);
  }
  return found;
}

/** The nodes that differ, sorted, with both sides. */
export function differences(before: Fingerprint, after: Fingerprint): string[] {
  const paths = [...new Set([...before.keys(), ...after.keys()])].sort();
  return paths
    .filter((path) => before.get(path) !== after.get(path))
    .map((path) => `/${path}: ${before.get(path) ?? "absent"} -> ${after.get(path) ?? "absent"}`);
}

function factsOf(stat: BigIntStats): string {
  const { dev, ino, mode, nlink, uid, gid, rdev, size, blocks, mtimeNs, ctimeNs } = stat;
  return `${dev} ${ino} ${mode.toString(8)} ${nlink} ${uid}:${gid} ${rdev} ${size} ${blocks} ${mtimeNs} ${ctimeNs}`;
}

function contentOf(path: Buffer, stat: BigIntStats): string {
  if (stat.isSymbolicLink()) return readlinkSync(path, { encoding: "latin1" });
  return stat.isFile() ? createHash("sha256").update(readFileSync(path)).digest("hex") : "";
}

function xattrsOf(rootFd: number, path: string): string[] {
  const name = Buffer.from(path === "" ? "." : path, "latin1");
  return listXattrs(rootFd, name)
    .map((key) => `${key}=${getXattr(rootFd, name, key)?.toString("hex")}`)
    .sort();
}
