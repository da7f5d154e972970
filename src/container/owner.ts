import { LayerfsError, printable } from "../core/errors.ts";
import { check, tryOpenat } from "../sys/at.ts";
import { close, pread } from "../sys/file.ts";
import { O_NOFOLLOW, O_NONBLOCK, O_RDONLY } from "../sys/flags.ts";
import { resolveInRoot } from "../sys/resolve-in-root.ts";

export interface Owner {
  readonly uid: number;
  readonly gid: number;
}

/** Larger tables of users are read up to here. */
const MAX_TABLE = 1024 * 1024;

/**
 * The owner that `user[:group]` of a container's config names, by the tables in its own /etc. Numbers need not be in them;
 * without a group it is the user's own, else 0. Fails with NOT_FOUND for a name that is in no table.
 */
export function containerOwner(root: number, user: string): Owner {
  const [name = "", group = ""] = user.split(":", 2);
  const row = findRow(readTable(root, "/etc/passwd"), name);
  const uid = number(row?.[2] ?? name);
  if (uid === null) throw unknown("user", name, "/etc/passwd");
  if (group === "") return { uid, gid: number(row?.[3] ?? "") ?? 0 };
  const gid = number(findRow(readTable(root, "/etc/group"), group)?.[2] ?? group);
  if (gid === null) throw unknown("group", group, "/etc/group");
  return { uid, gid };
}

/** By name, else by number. */
function findRow(rows: readonly string[][], name: string): string[] | undefined {
  return rows.find((row) => row[0] === name) ?? rows.find((row) => row[2] === name);
}

function readTable(root: number, path: string): string[][] {
  using place = resolveInRoot(root, Buffer.from(path), { followLast: true });
  if (place.stat?.kind !== "file") return [];
  const fd = check(tryOpenat(place.directory, place.name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK), "open", path);
  try {
    const bytes = Buffer.alloc(Math.min(place.stat.size, MAX_TABLE));
    const text = bytes.subarray(0, pread(fd, bytes, 0)).toString();
    return text.split("\n").map((line) => line.split(":"));
  } finally {
    close(fd);
  }
}

function number(text: string): number | null {
  return /^\d{1,10}$/.test(text) ? Number(text) : null;
}

function unknown(what: string, name: string, path: string): LayerfsError {
  return new LayerfsError("NOT_FOUND", `unable to find ${what} ${printable(name)} in ${path} of the container`);
}
