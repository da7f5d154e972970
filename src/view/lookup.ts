import { pathFailure } from "../core/path-failure.ts";
import type { Timespec } from "../core/timespec.ts";
import type { MergedTree } from "./merged-tree.ts";
import type { DirectoryNode, PlacedNode, TreeNode } from "./node.ts";

export interface ResolveOptions {
  /** Follow a symlink in the last place too, as stat does and lstat does not. Default: true. */
  readonly followLast?: boolean | undefined;
}

/** What lstat would tell. */
export interface NodeStat {
  readonly kind: TreeNode["kind"];
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  /** Of a symlink the length of its target; 0 for directories and devices. */
  readonly size: number;
  readonly mtime: Timespec;
  readonly nlink: number;
  readonly linkTarget: Buffer | null;
  readonly device: { readonly major: number; readonly minor: number } | null;
  readonly xattrs: ReadonlyMap<string, Buffer>;
  /** Index of the layer that it comes from, lowest 0; -1 for a root that no layer holds. */
  readonly layer: number;
}

export interface ListedNode extends PlacedNode {
  readonly name: Buffer;
}

/** As the kernel's MAXSYMLINKS. */
const MAX_SYMLINKS = 40;

/**
 * The node that a path leads to, as POSIX resolves it with the tree's root as `/`: symlinks are followed, absolute ones
 * from the root of the tree, and `..` of the root is the root. A relative path starts at the root.
 *
 * Fails with NOT_FOUND, whose errno tells why: ENOENT, ENOTDIR (a part is no directory, or a trailing slash follows what
 * is none), ELOOP (more than 40 symlinks).
 */
export function resolve(tree: MergedTree, path: Buffer, options: ResolveOptions = {}): PlacedNode {
  if (path.length === 0) throw pathFailure("ENOENT", path);
  const followLast = options.followLast ?? true;
  const parents: PlacedNode<DirectoryNode>[] = [{ path: "", node: tree.root }];
  const todo = parts(path.toString("latin1"));
  let symlinks = 0;
  for (let name = todo.pop(); name !== undefined; name = todo.pop()) {
    if (name === "" || name === ".") continue;
    if (name === "..") {
      if (parents.length > 1) parents.pop();
      continue;
    }
    const at = parents.at(-1) as PlacedNode<DirectoryNode>;
    const node = at.node.children.get(name);
    if (node === undefined) throw pathFailure("ENOENT", path);
    const place = join(at.path, name);
    if (node.kind === "directory") {
      parents.push({ path: place, node });
    } else if (node.kind === "symlink" && (followLast || todo.length > 0)) {
      if (++symlinks > MAX_SYMLINKS) throw pathFailure("ELOOP", path);
      if (node.target.startsWith("/")) parents.length = 1;
      todo.push(...parts(node.target));
    } else if (todo.length > 0) {
      throw pathFailure("ENOTDIR", path);
    } else {
      return { path: place, node };
    }
  }
  return parents.at(-1) as PlacedNode;
}

/** What lstat tells of a node that `resolve`, `list` or `walk` gave. */
export function lstat({ node }: PlacedNode): NodeStat {
  return {
    kind: node.kind,
    mode: node.mode,
    uid: node.uid,
    gid: node.gid,
    size: node.kind === "file" ? node.size : node.kind === "symlink" ? node.target.length : 0,
    mtime: { seconds: node.mtimeSeconds, nanoseconds: node.mtimeNanoseconds },
    nlink: node.kind === "directory" ? 2 + subdirectories(node) : node.names,
    linkTarget: node.kind === "symlink" ? Buffer.from(node.target, "latin1") : null,
    device: node.kind === "char" || node.kind === "block" ? { major: node.major, minor: node.minor } : null,
    xattrs: node.xattrs ?? NO_XATTRS,
    layer: node.layer,
  };
}

/** The nodes in a directory by the bytes of their names. Fails as `resolve`, with ENOTDIR for what is no directory. */
export function list(tree: MergedTree, path: Buffer): ListedNode[] {
  const start = resolve(tree, path);
  if (start.node.kind !== "directory") throw pathFailure("ENOTDIR", path);
  return Array.from(childrenOf(start), (child) => ({
    ...child,
    name: Buffer.from(child.path.slice(child.path.lastIndexOf("/") + 1), "latin1"),
  }));
}

/** What lies in a directory by the bytes of the names; in what is none, nothing. */
export function* childrenOf({ path, node }: PlacedNode): Generator<PlacedNode> {
  if (node.kind !== "directory") return;
  for (const [name, child] of sortedChildren(node)) yield { path: join(path, name), node: child };
}

/** `start` and all below it: a directory before its content, siblings by the bytes of their names. No symlink is followed. */
export function* walk(start: PlacedNode): Generator<PlacedNode> {
  yield start;
  const levels = [childrenOf(start)];
  for (let level = levels.at(-1); level !== undefined; level = levels.at(-1)) {
    const next = level.next();
    if (next.done) {
      levels.pop();
      continue;
    }
    yield next.value;
    if (next.value.node.kind === "directory") levels.push(childrenOf(next.value));
  }
}

/** Where the bytes of a file are: the index of a layer, and the name under which that layer holds them. */
export function contentOf({ path, node }: PlacedNode): { readonly layer: number; readonly name: Buffer } {
  const stored = node.kind === "directory" ? null : node.storedPath;
  return { layer: node.layer, name: Buffer.from(stored ?? path, "latin1") };
}

/** What a directory holds, by the bytes of the names. */
export function sortedChildren({ children }: DirectoryNode): Iterable<readonly [string, TreeNode]> {
  if (children.isSorted) return children;
  // Latin1 strings compare as their bytes do.
  const names = Array.from(children, ([name]) => name).sort();
  return names.map((name) => [name, children.get(name) as TreeNode]);
}

const NO_XATTRS: ReadonlyMap<string, Buffer> = new Map();

/** The parts of a path, last first. A trailing slash leaves an empty part, so that what is before it is not the last. */
function parts(path: string): string[] {
  return path.split("/").reverse();
}

function join(parent: string, name: string): string {
  return parent === "" ? name : `${parent}/${name}`;
}

function subdirectories(node: DirectoryNode): number {
  let count = 0;
  for (const [, child] of node.children) if (child.kind === "directory") count++;
  return count;
}
