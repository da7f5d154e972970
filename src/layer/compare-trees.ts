import { openDirectory, readlinkat } from "../sys/at.ts";
import { systemError } from "../sys/errno.ts";
import { close } from "../sys/file.ts";
import { type DirectoryEntry, readDirectory } from "../sys/read-dir.ts";
import { fstat, type Stat, tryStatat } from "../sys/stat.ts";
import { TreeCursor } from "../sys/tree-cursor.ts";
import { layerXattrs } from "./layer-xattrs.ts";

/**
 * A name of one tree or both, as it is now. The descriptor is that of the directory in the tree `after` (`before` for
 * what is removed), and is valid until the next step of the walk.
 */
export interface Comparison {
  readonly kind: "added" | "changed" | "same" | "removed";
  /** Bytes, without a leading slash; empty for the root. */
  readonly path: Buffer;
  readonly stat: Stat;
  readonly directory: number;
  /** Within `directory`; "." for the root. */
  readonly name: Buffer;
}

export interface CompareOptions {
  /** Take sockets for absent, as a layer cannot hold them. */
  readonly withoutSockets: boolean;
}

/**
 * Walks two trees side by side: the root, then each directory before its content, siblings by the bytes of their names.
 * What is below a removed directory is not told, nor what a changed one held before it became something else.
 *
 * "changed" is Docker's rule: another type, mode, owner, device number, link target, capability or `user.` attribute,
 * and for all but directories another size or modification time. Contents are not read, so a change that keeps size and
 * time is not seen. Where one of two times has no nanoseconds, as a tar may have cut them off, seconds decide.
 *
 * Without a tree `before` everything is added, the root too.
 *
 * Memory is one listing a level and tree; the depth has no limit. Fails with CONFLICT at a mount point in a tree.
 */
export function* compareTrees(before: string | null, after: string, options: CompareOptions): Generator<Comparison> {
  const beforeRoot = before === null ? null : openDirectory(before);
  try {
    const afterRoot = openDirectory(after);
    try {
      using old = beforeRoot === null ? null : new TreeCursor(beforeRoot, HERE);
      using current = new TreeCursor(afterRoot, HERE);
      yield* compareBelow(old, current, options);
    } finally {
      close(afterRoot);
    }
  } finally {
    if (beforeRoot !== null) close(beforeRoot);
  }
}

const HERE = Buffer.from(".");

interface Level {
  readonly path: Buffer;
  /** Null where the tree `before` has no such directory. */
  readonly old: Listing | null;
  readonly current: Listing;
}

interface Listing {
  readonly entries: readonly DirectoryEntry[];
  next: number;
}

function* compareBelow(old: TreeCursor | null, current: TreeCursor, options: CompareOptions): Generator<Comparison> {
  const rootSide = { fd: current.fd, stat: fstat(current.fd) };
  const kind = old === null ? "added" : kindOf({ fd: old.fd, stat: fstat(old.fd) }, rootSide, HERE);
  const root = { path: Buffer.alloc(0), stat: rootSide.stat, directory: current.fd, name: HERE };
  yield { kind, ...root };
  const levels: Level[] = [{ path: root.path, old: old && listing(old), current: listing(current) }];
  for (let level = levels.at(-1); level !== undefined; level = levels.at(-1)) {
    const pair = nextPair(level);
    if (pair === null) {
      levels.pop();
      if (levels.length === 0) return;
      current.leave();
      if (level.old !== null) old?.leave();
      continue;
    }
    const oldStat = old !== null && pair.inOld ? statOf(old.fd, pair.name, options) : null;
    const stat = pair.inCurrent ? statOf(current.fd, pair.name, options) : null;
    const path = joined(level.path, pair.name);
    if (stat === null) {
      if (old !== null && oldStat !== null)
        yield { kind: "removed", path, stat: oldStat, directory: old.fd, name: pair.name };
      continue;
    }
    const kind = old === null ? "added" : kindOf({ fd: old.fd, stat: oldStat }, { fd: current.fd, stat }, pair.name);
    yield { kind, path, stat, directory: current.fd, name: pair.name };
    if (stat.kind !== "directory") continue;
    const inBoth = oldStat?.kind === "directory";
    current.enter(pair.name);
    if (inBoth) old?.enter(pair.name);
    levels.push({ path, old: old !== null && inBoth ? listing(old) : null, current: listing(current) });
  }
}

/** The next name of either listing, null at the end of both. */
function nextPair({ old, current }: Level): { name: Buffer; inOld: boolean; inCurrent: boolean } | null {
  const oldName = old?.entries[old.next]?.name;
  const name = current.entries[current.next]?.name;
  if (oldName === undefined && name === undefined) return null;
  const order = oldName === undefined ? 1 : name === undefined ? -1 : Buffer.compare(oldName, name);
  if (old !== null && order <= 0) old.next++;
  if (order >= 0) current.next++;
  return { name: (order <= 0 ? oldName : name) as Buffer, inOld: order <= 0, inCurrent: order >= 0 };
}

function listing(cursor: TreeCursor): Listing {
  return { entries: readDirectory(cursor.fd), next: 0 };
}

function statOf(fd: number, name: Buffer, options: CompareOptions): Stat | null {
  const stat = tryStatat(fd, name);
  if (typeof stat === "number") throw systemError(stat, "look at", name);
  return stat.kind === "socket" && options.withoutSockets ? null : stat;
}

interface Side {
  readonly fd: number;
  readonly stat: Stat;
}

function kindOf(
  old: { readonly fd: number; readonly stat: Stat | null },
  current: Side,
  name: Buffer,
): Comparison["kind"] {
  if (old.stat === null) return "added";
  return isSame({ fd: old.fd, stat: old.stat }, current, name) ? "same" : "changed";
}

function isSame(old: Side, current: Side, name: Buffer): boolean {
  const [a, b] = [old.stat, current.stat];
  if (a.kind !== b.kind || a.mode !== b.mode || a.uid !== b.uid || a.gid !== b.gid) return false;
  if (a.rdevMajor !== b.rdevMajor || a.rdevMinor !== b.rdevMinor) return false;
  if (a.kind !== "directory" && (a.size !== b.size || !isSameTime(a, b))) return false;
  if (a.kind === "symlink" && !readlinkat(old.fd, name).equals(readlinkat(current.fd, name))) return false;
  return isSameXattrs(layerXattrs(old.fd, name), layerXattrs(current.fd, name));
}

function isSameTime({ mtime: a }: Stat, { mtime: b }: Stat): boolean {
  if (a.seconds !== b.seconds) return false;
  return a.nanoseconds === b.nanoseconds || a.nanoseconds === 0 || b.nanoseconds === 0;
}

function isSameXattrs(old: ReadonlyMap<string, Buffer>, current: ReadonlyMap<string, Buffer>): boolean {
  return old.size === current.size && [...old].every(([key, value]) => current.get(key)?.equals(value) === true);
}

function joined(directory: Buffer, name: Buffer): Buffer {
  return directory.length === 0 ? name : Buffer.concat([directory, SLASH, name]);
}

const SLASH = Buffer.from("/");
