import { check, openPath, tryLinkat, tryMkdirat } from "./at.ts";
import { copyNode, copyOpenAttributes } from "./copy-node.ts";
import { ENAMETOOLONG, systemError } from "./errno.ts";
import { close } from "./file.ts";
import { O_DIRECTORY, O_NOFOLLOW, O_RDONLY } from "./flags.ts";
import { type DirectoryEntry, readDirectory } from "./read-dir.ts";
import { runInSlices, runToEnd, type Steps } from "./slices.ts";
import { fstat, type Stat, tryStatat } from "./stat.ts";
import { TreeCursor } from "./tree-cursor.ts";

/**
 * Copies everything in one directory into another, empty one, and the directory's own attributes too. Kept: owner,
 * mode, modification time to the nanosecond, extended attributes, device nodes, fifos, sockets, hard links within the
 * tree and the holes of sparse files. Data is shared where the file system can (btrfs, xfs).
 *
 * The tree may be deeper than PATH_MAX; other mounts inside it are not entered (CONFLICT). What was copied stays after
 * a failure; nothing is synced.
 */
export function copyTree(sourceDirectory: string, targetDirectory: string): void {
  runToEnd(treeCopy(sourceDirectory, targetDirectory));
}

/** As `copyTree`, in slices of about a file between which other work of this thread goes on. */
export function copyTreeAsync(sourceDirectory: string, targetDirectory: string, signal?: AbortSignal): Promise<void> {
  return runInSlices(treeCopy(sourceDirectory, targetDirectory), signal);
}

function* treeCopy(sourceDirectory: string, targetDirectory: string): Steps {
  const flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW;
  const sourceRoot = openPath(sourceDirectory, flags);
  try {
    const targetRoot = openPath(targetDirectory, flags);
    try {
      yield* copyBetween(sourceRoot, targetRoot);
    } finally {
      close(targetRoot);
    }
  } finally {
    close(sourceRoot);
  }
}

interface Level {
  readonly name: Buffer;
  readonly rest: DirectoryEntry[];
}

interface Copy {
  readonly source: TreeCursor;
  readonly target: TreeCursor;
  readonly targetRoot: number;
  readonly levels: Level[];
  /** Path in the target, in components, of each file with more than one link, by device and inode. */
  readonly links: Map<string, readonly Buffer[]>;
}

const HERE = Buffer.from(".");

function* copyBetween(sourceRoot: number, targetRoot: number): Steps {
  using source = new TreeCursor(sourceRoot, HERE);
  using target = new TreeCursor(targetRoot, HERE);
  const levels: Level[] = [{ name: HERE, rest: readDirectory(source.fd) }];
  const copy: Copy = { source, target, targetRoot, levels, links: new Map() };
  for (let level = levels.at(-1); level !== undefined; level = levels.at(-1)) {
    yield;
    const entry = level.rest.pop();
    if (entry !== undefined) {
      copyEntry(copy, entry.name);
      continue;
    }
    copyOpenAttributes(source.fd, target.fd, fstat(source.fd));
    levels.pop();
    if (levels.length === 0) return;
    source.leave();
    target.leave();
  }
}

function copyEntry(copy: Copy, name: Buffer): void {
  const { source, target, levels } = copy;
  const stat = tryStatat(source.fd, name);
  if (typeof stat === "number") throw systemError(stat, "read the attributes of", name);
  if (stat.kind === "directory") {
    check(tryMkdirat(target.fd, name, 0o700), "make directory", name);
    source.enter(name);
    target.enter(name);
    levels.push({ name, rest: readDirectory(source.fd) });
    return;
  }
  if (stat.nlink > 1 && linkToCopy(copy, stat, name)) return;
  copyNode(source.fd, name, target.fd, name);
}

/** Links `name` to the copy of the same inode, if there is one; otherwise notes where the copy will be. */
function linkToCopy(copy: Copy, stat: Stat, name: Buffer): boolean {
  const key = `${stat.dev}/${stat.ino}`;
  const earlier = copy.links.get(key);
  if (earlier === undefined) {
    copy.links.set(key, [...copy.levels.slice(1).map((level) => level.name), name]);
    return false;
  }
  check(linkFrom(copy.targetRoot, earlier, copy.target.fd, name), "link", name);
  return true;
}

function linkFrom(root: number, path: readonly Buffer[], dirfd: number, name: Buffer): number {
  const joined = Buffer.concat(path.flatMap((part, index) => (index === 0 ? [part] : [Buffer.from("/"), part])));
  const result = tryLinkat(root, joined, dirfd, name);
  if (result !== -ENAMETOOLONG) return result;
  using cursor = new TreeCursor(root, HERE);
  for (const part of path.slice(0, -1)) cursor.enter(part);
  return tryLinkat(cursor.fd, path.at(-1) ?? HERE, dirfd, name);
}
