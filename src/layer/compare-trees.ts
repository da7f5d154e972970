import { openDirectory } from "../sys/at.ts";
import { close } from "../sys/file.ts";
import { type DirectoryEntry, readDirectory } from "../sys/read-dir.ts";
import { fstat } from "../sys/stat.ts";
import { TreeCursor } from "../sys/tree-cursor.ts";
import { type CompareOptions, type Comparison, changeOf, statOf } from "./comparison.ts";

/**
 * Walks two trees side by side: the root, then each directory before its content, siblings by the bytes of their names.
 * What is below a removed directory is not told, nor what a changed one held before it became something else. What is a
 * change is told at `changeOf`; a change that keeps size and time is seen only where `readsContent` asks for it.
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
  const root = { path: Buffer.alloc(0), stat: fstat(current.fd), directory: current.fd, name: HERE };
  const oldRoot = old === null ? null : { stat: fstat(old.fd), directory: old.fd, name: HERE };
  yield { kind: changeOf(oldRoot, root, options), ...root };
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
    const before = old === null || oldStat === null ? null : { stat: oldStat, directory: old.fd, name: pair.name };
    const after = { stat, directory: current.fd, name: pair.name };
    yield { kind: changeOf(before, after, options), path, ...after };
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

function joined(directory: Buffer, name: Buffer): Buffer {
  return directory.length === 0 ? name : Buffer.concat([directory, SLASH, name]);
}

const SLASH = Buffer.from("/");
