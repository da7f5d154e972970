import { LayerfsError, printable } from "../core/errors.ts";
import { check, openDirectory, tryUnlinkat } from "./at.ts";
import { EBUSY, EISDIR, ENOENT } from "./errno.ts";
import { close } from "./file.ts";
import { AT_REMOVEDIR } from "./flags.ts";
import { type DirectoryEntry, readDirectory } from "./read-dir.ts";
import { runInSlices, runToEnd, type Steps } from "./slices.ts";
import { TreeCursor } from "./tree-cursor.ts";

/**
 * Removes `name` below `dirfd` with everything in it, however deep. Removing an absent name succeeds, so that an
 * interrupted removal can be repeated. Never follows a symlink and never removes what is mounted inside: CONFLICT.
 */
export function removeTree(dirfd: number, name: Buffer): void {
  runToEnd(treeRemoval(dirfd, name));
}

/** As `removeTree`, in slices between which other work of this thread goes on. */
export function removeTreeAsync(dirfd: number, name: Buffer): Promise<void> {
  return runInSlices(treeRemoval(dirfd, name));
}

/** Empties the directory `dirfd`, which stays. Guarantees as `removeTree`. */
export function removeContents(dirfd: number): void {
  runToEnd(contentRemoval(dirfd, Buffer.from(".")));
}

function* treeRemoval(dirfd: number, name: Buffer): Steps {
  if (removeNode(dirfd, name) === "directory") {
    yield* contentRemoval(dirfd, name);
    removeEmptyDirectory(dirfd, name);
  }
}

/** Empties the directory at `path`, which stays. Guarantees as `removeTree`. */
export function emptyDirectory(path: string): void {
  const fd = openDirectory(path);
  try {
    removeContents(fd);
  } finally {
    close(fd);
  }
}

interface Level {
  /** Of the directory in its parent; null for the start. */
  readonly name: Buffer | null;
  readonly rest: DirectoryEntry[];
}

function* contentRemoval(dirfd: number, name: Buffer): Steps {
  using cursor = new TreeCursor(dirfd, name, { unlock: true });
  const levels: Level[] = [{ name: null, rest: readDirectory(cursor.fd) }];
  for (let level = levels.at(-1); level !== undefined; level = levels.at(-1)) {
    yield;
    const entry = level.rest.pop();
    if (entry === undefined) {
      levels.pop();
      if (level.name === null) return;
      cursor.leave();
      removeEmptyDirectory(cursor.fd, level.name);
    } else if (entry.kind === "directory" || removeNode(cursor.fd, entry.name) === "directory") {
      cursor.enter(entry.name);
      levels.push({ name: entry.name, rest: readDirectory(cursor.fd) });
    }
  }
}

/** Removes anything but a directory, of which it tells. */
function removeNode(dirfd: number, name: Buffer): "directory" | "gone" {
  const result = tryUnlinkat(dirfd, name);
  if (result === -EISDIR) return "directory";
  if (result !== -ENOENT) checkRemoved(result, name);
  return "gone";
}

function removeEmptyDirectory(dirfd: number, name: Buffer): void {
  const result = tryUnlinkat(dirfd, name, AT_REMOVEDIR);
  if (result !== -ENOENT) checkRemoved(result, name);
}

function checkRemoved(result: number, name: Buffer): void {
  if (result === -EBUSY) {
    throw new LayerfsError("CONFLICT", `cannot remove ${printable(name)}: it is a mount point`, {
      hint: "unmount it first",
      errno: "EBUSY",
    });
  }
  check(result, "remove", name);
}
