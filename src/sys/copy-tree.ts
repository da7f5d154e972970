import {
  check,
  fchmod,
  fchmodat,
  fchownat,
  futimens,
  openPath,
  readlinkat,
  tryLinkat,
  tryMkdirat,
  tryMknodat,
  tryOpenat,
  trySymlinkat,
  utimensat,
} from "./at.ts";
import { copyFileContent } from "./copy-file.ts";
import { ENAMETOOLONG, systemError } from "./errno.ts";
import { close } from "./file.ts";
import {
  O_CREAT,
  O_DIRECTORY,
  O_EXCL,
  O_NOFOLLOW,
  O_NONBLOCK,
  O_RDONLY,
  O_WRONLY,
  S_IFBLK,
  S_IFCHR,
  S_IFIFO,
  S_IFSOCK,
} from "./flags.ts";
import { type DirectoryEntry, readDirectory } from "./read-dir.ts";
import { runInSlices, runToEnd, type Steps } from "./slices.ts";
import { fstat, type NodeKind, type Stat, tryStatat } from "./stat.ts";
import { TreeCursor } from "./tree-cursor.ts";
import { getXattr, getXattrOf, listXattrs, listXattrsOf, setXattr, setXattrOf } from "./xattr.ts";

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
      copyNode(copy, entry.name);
      continue;
    }
    copyDirectoryAttributes(source.fd, target.fd);
    levels.pop();
    if (levels.length === 0) return;
    source.leave();
    target.leave();
  }
}

function copyNode(copy: Copy, name: Buffer): void {
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
  if (stat.kind === "file") copyFile(source.fd, target.fd, name, stat);
  else copySpecial(source.fd, target.fd, name, stat);
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

function copyFile(sourceDir: number, targetDir: number, name: Buffer, stat: Stat): void {
  // O_NONBLOCK: never wait, should the file have become a fifo in between.
  const source = check(tryOpenat(sourceDir, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK), "open", name);
  try {
    const target = check(tryOpenat(targetDir, name, O_WRONLY | O_CREAT | O_EXCL, 0o600), "create", name);
    try {
      copyFileContent(source, target, stat);
      copyOpenAttributes(source, target, stat);
    } finally {
      close(target);
    }
  } finally {
    close(source);
  }
}

const NODE_TYPES: Readonly<Partial<Record<NodeKind, number>>> = {
  char: S_IFCHR,
  block: S_IFBLK,
  fifo: S_IFIFO,
  socket: S_IFSOCK,
};

function copySpecial(sourceDir: number, targetDir: number, name: Buffer, stat: Stat): void {
  const type = NODE_TYPES[stat.kind];
  const result =
    type === undefined
      ? trySymlinkat(readlinkat(sourceDir, name), targetDir, name)
      : tryMknodat(targetDir, name, type | 0o600, stat.rdevMajor, stat.rdevMinor);
  check(result, "create", name);
  fchownat(targetDir, name, stat.uid, stat.gid);
  for (const attribute of listXattrs(sourceDir, name)) {
    const value = getXattr(sourceDir, name, attribute);
    if (value !== null) setXattr(targetDir, name, attribute, value);
  }
  if (stat.kind !== "symlink") fchmodat(targetDir, name, stat.mode);
  utimensat(targetDir, name, stat.mtime);
}

function copyDirectoryAttributes(source: number, target: number): void {
  copyOpenAttributes(source, target, fstat(source));
}

/** The owner first: a change of owner clears set-id bits and file capabilities. */
function copyOpenAttributes(source: number, target: number, stat: Stat): void {
  fchownat(target, Buffer.alloc(0), stat.uid, stat.gid);
  for (const attribute of listXattrsOf(source)) {
    const value = getXattrOf(source, attribute);
    if (value !== null) setXattrOf(target, attribute, value);
  }
  fchmod(target, stat.mode);
  futimens(target, stat.mtime);
}
