import { LayerfsError, printable } from "../core/errors.ts";
import type { OpenTree } from "../mount/detached.ts";
import { check, fchmod, tryMkdirat, tryOpenat, tryOpenat2 } from "../sys/at.ts";
import { EEXIST, ENOENT, ENOTDIR } from "../sys/errno.ts";
import { close } from "../sys/file.ts";
import { O_DIRECTORY, O_NOFOLLOW, O_RDONLY, RESOLVE_IN_ROOT } from "../sys/flags.ts";
import { cleanPath } from "./mount-options.ts";

const MODE = 0o755;

/**
 * Makes what is missing of a container's working directory, as Docker does when it makes the container. Symlinks are
 * resolved inside the tree. Fails with CONFLICT where a part of the path is no directory.
 */
export function makeWorkingDirectory(tree: OpenTree, path: string): void {
  let directory = openInside(tree, ".", path);
  try {
    let reached = "";
    for (const name of cleanPath(path).split("/").filter(Boolean)) {
      const next = openInside(tree, `${reached}/${name}`, path) ?? makeIn(directory as number, name);
      if (directory !== null) close(directory);
      directory = next;
      reached += `/${name}`;
    }
  } finally {
    if (directory !== null) close(directory);
  }
}

/** null where nothing is there. */
function openInside(tree: OpenTree, path: string, wanted: string): number | null {
  const fd = tryOpenat2(tree.fd, Buffer.from(path), O_RDONLY | O_DIRECTORY, 0, RESOLVE_IN_ROOT);
  if (fd === -ENOENT) return null;
  if (fd !== -ENOTDIR) return check(fd, "open directory", path);
  throw new LayerfsError("CONFLICT", `Cannot mkdir: ${printable(wanted)} is not a directory`);
}

function makeIn(parent: number, text: string): number {
  const name = Buffer.from(text);
  const result = tryMkdirat(parent, name, MODE);
  // A symlink that leads to nothing.
  if (result === -EEXIST) throw new LayerfsError("CONFLICT", `Cannot mkdir: ${printable(text)} is not a directory`);
  check(result, "make directory", name);
  const fd = check(tryOpenat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW), "open directory", name);
  fchmod(fd, MODE);
  return fd;
}
