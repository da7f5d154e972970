import { mkdtempSync, readdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { isLayerfsError, LayerfsError } from "../core/errors.ts";
import { futimens, openPath } from "../sys/at.ts";
import { EPERM, EXDEV, errnoName } from "../sys/errno.ts";
import { close } from "../sys/file.ts";
import { O_DIRECTORY, O_PATH, O_RDONLY } from "../sys/flags.ts";
import { type Lock, tryLock } from "../sys/lock.ts";
import { makeOverlay } from "../sys/overlay.ts";
import { readDirectory } from "../sys/read-dir.ts";
import { removeTree } from "../sys/remove-tree.ts";
import { fstat, statfs } from "../sys/stat.ts";
import { getXattr, setXattr } from "../sys/xattr.ts";
import { attempt, isDirectory, makeDirectory } from "./layer-directories.ts";

/*
 * What overlay2 asks of the kernel and of the file system below its home, by trying it. Every overlay made here is
 * attached nowhere, so a crash leaves at most a directory `check-overlayfs-*`, which is no layer to dockerd or layerfs and
 * which the next command removes.
 */

/** What the tests found out, for `info`. */
export interface NativeDiffReport {
  /** Why what an upper directory holds cannot be taken for the changes, or null if it can. */
  readonly obstacle: string | null;
}

/** Whether this process lives in a user namespace, where overlayfs keeps its marks in `user.overlay.*`. */
export function inUserNamespace(): boolean {
  return !/^\s*0\s+0\s+4294967295\s*$/.test(readFileSync("/proc/self/uid_map", "utf8"));
}

/**
 * Options of every mount. `index=off` wherever the kernel knows it, as in Docker: an index ties an upper directory to
 * one set of lowers. For a mount that is written to also no redirects and no metadata-only copies where the kernel has
 * those on by default: what an upper directory then holds would not be the change itself.
 */
export function mountOptions(use: { readonly writable: boolean; readonly userNamespace: boolean }): string[] {
  const options: string[] = [];
  if (moduleParameter("index") !== null) options.push("index=off");
  if (use.userNamespace) return [...options, "userxattr"];
  if (use.writable && isOn(moduleParameter("metacopy"))) options.push("metacopy=off");
  if (use.writable && isOn(moduleParameter("redirect_dir"))) options.push("redirect_dir=off");
  return options;
}

/** "Y", "N", ... of a parameter of the kernel's overlay module; null if the kernel does not have it. */
export function moduleParameter(name: string): string | null {
  try {
    return readFileSync(`/sys/module/overlay/parameters/${name}`, "utf8").trim();
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return null;
    throw error;
  }
}

/** Joins two directories below `parent`, for real. Fails with DRIVER_UNSUPPORTED, saying what was tried. */
export function checkMount(parent: string, options: readonly string[]): void {
  withTestTree(parent, (tree) => {
    close(mountTestTree(tree, options));
  });
}

/** Whether a listing of a directory tells what its entries are; without that overlayfs loses files. */
export function supportsDType(parent: string): boolean {
  return withTestTree(parent, (tree) => listsTypes(tree) === true);
}

/** The same of a directory as it is; null for an empty one, which tells nothing. */
export function listsTypes(directory: string): boolean | null {
  const fd = openPath(directory, O_RDONLY | O_DIRECTORY);
  try {
    const entries = readDirectory(fd);
    return entries.length === 0 ? null : entries.every((entry) => entry.kind !== undefined);
  } finally {
    close(fd);
  }
}

/**
 * Whether an upper directory holds exactly the changes. Two things were seen to spoil that: kernels before 4.8 copy up
 * the mark of an opaque directory, and with redirects a renamed directory comes without its content.
 */
export function examineNativeDiff(parent: string, options: readonly string[]): NativeDiffReport {
  if (options.includes("userxattr")) return { obstacle: "running in a user namespace" };
  return withTestTree(parent, (tree) => {
    setOpaque(join(tree, "lower2/d"));
    const mount = mountTestTree(tree, options);
    try {
      const merged = `/proc/self/fd/${mount}`;
      writeFileSync(join(merged, "d/f"), "");
      if (isOpaque(join(tree, "upper/d"))) return { obstacle: "the kernel copies up the mark of opaque directories" };
      return { obstacle: redirects(merged) ? "the kernel renames directories by redirects" : null };
    } finally {
      close(mount);
    }
  });
}

/** Removes test directories that a crash left in `parent`. Those in use are locked by their owners. */
export function sweepTestTrees(parent: string): void {
  const names = attempt("read directory", parent, () => readdirSync(parent));
  for (const name of names.filter((name) => name.startsWith(TEST_TREE))) {
    using lock = lockTestTree(join(parent, name));
    if (lock !== null) removeTestTree(parent, name);
  }
}

function isOn(parameter: string | null): boolean {
  return parameter === "Y" || parameter === "1";
}

/** lower1, lower2 (with d1 and d), upper and work in a new directory, of which nothing is seen afterwards. */
function withTestTree<T>(parent: string, use: (tree: string) => T): T {
  const parentFd = openPath(parent, O_RDONLY | O_DIRECTORY);
  const { mtime } = fstat(parentFd);
  try {
    return withNewTree(parent, use);
  } finally {
    if (!statfs(parentFd).readOnly) futimens(parentFd, mtime);
    close(parentFd);
  }
}

function withNewTree<T>(parent: string, use: (tree: string) => T): T {
  const { tree, lock } = makeTestTree(parent);
  using _lock = lock;
  try {
    for (const name of ["lower1", "lower1/d", "lower2", "lower2/d", "lower2/d1", "upper", "work"]) {
      makeDirectory(join(tree, name), 0o755);
    }
    return use(tree);
  } finally {
    removeTestTree(parent, basename(tree));
  }
}

function makeTestTree(parent: string): { readonly tree: string; readonly lock: Lock } {
  for (;;) {
    const tree = attempt("make a test directory in", parent, () => mkdtempSync(join(parent, TEST_TREE)));
    const lock = lockTestTree(tree);
    if (lock !== null && isDirectory(tree)) return { tree, lock };
    // Another process has swept it away before it was locked.
    lock?.release();
  }
}

/** null where another process holds the lock, or nothing is there any more. */
function lockTestTree(tree: string): Lock | null {
  try {
    return tryLock(tree, "exclusive");
  } catch (error) {
    if (isLayerfsError(error) && error.errno === "ENOENT") return null;
    throw error;
  }
}

function removeTestTree(parent: string, name: string): void {
  withPathFd(parent, (fd) => removeTree(fd, Buffer.from(name)));
}

/** The descriptor of the mount. */
function mountTestTree(tree: string, options: readonly string[]): number {
  const fds = ["lower2", "lower1", "upper", "work"].map((name) => openPath(join(tree, name), O_PATH | O_DIRECTORY));
  const [lower2 = -1, lower1 = -1, upper = -1, work = -1] = fds;
  try {
    const result = makeOverlay({ lowers: [lower2, lower1], upper: { directory: upper, work } }, options);
    if (typeof result === "number") return result;
    throw unsupported(tree, result.errno, result.message);
  } finally {
    for (const fd of fds) close(fd);
  }
}

function unsupported(tree: string, errno: number, message: string): LayerfsError {
  const found = message === "" ? errnoName(errno) : `${errnoName(errno)}, ${message}`;
  return new LayerfsError("DRIVER_UNSUPPORTED", `overlay2: a test mount of overlayfs in ${tree} failed: ${found}`, {
    errno: errnoName(errno),
    hint:
      errno === EPERM
        ? "mounting needs root (CAP_SYS_ADMIN) or layerfs unshare; layerfs ls and cat read images without mounting"
        : "choose another driver with -s, such as vfs, which needs nothing of the kernel",
  });
}

function setOpaque(directory: string): void {
  withPathFd(directory, (fd) => setXattr(fd, HERE, OPAQUE, Buffer.from("y")));
}

function isOpaque(directory: string): boolean {
  return isDirectory(directory) && withPathFd(directory, (fd) => getXattr(fd, HERE, OPAQUE))?.toString() === "y";
}

/** Renames a directory of a lower layer: without redirects that is EXDEV, and the program has to copy. */
function redirects(merged: string): boolean {
  try {
    renameSync(join(merged, "d1"), join(merged, "d2"));
    return true;
  } catch (error) {
    if (error instanceof Error && "errno" in error && error.errno === -EXDEV) return false;
    throw error;
  }
}

/** dockerd's own begin with `check-overlayfs-support`, and are not locked. */
const TEST_TREE = "check-overlayfs-layerfs-";
const HERE = Buffer.from(".");
const OPAQUE = "trusted.overlay.opaque";

function withPathFd<T>(path: string, use: (fd: number) => T): T {
  const fd = openPath(path, O_PATH | O_DIRECTORY);
  try {
    return use(fd);
  } finally {
    close(fd);
  }
}
