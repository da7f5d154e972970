import { sortedChildren } from "./lookup.ts";
import type { MergedTree } from "./merged-tree.ts";
import type { TreeNode } from "./node.ts";

/** A path that two trees do not have alike, or files whose contents must be read to tell. */
export interface Difference {
  /** Key of the path. */
  readonly path: string;
  /** null: the tree does not have it. */
  readonly before: TreeNode | null;
  readonly after: TreeNode | null;
  /** What differs besides the content of files of one size; empty where only one tree has it. Times are no difference. */
  readonly fields: readonly DifferentField[];
  /** Both are files of one size that is not 0. */
  readonly mayDifferInContent: boolean;
}

export type DifferentField = "type" | "content" | "target" | "device" | "mode" | "owner" | "xattrs";

/**
 * What turns one tree into the other, in the order of `walk`: what only one has, with all below it, and what both have
 * with a difference or with contents that may differ.
 */
export function* compareTrees(before: MergedTree, after: MergedTree): Generator<Difference> {
  const roots = { path: "", before: before.root, after: after.root };
  yield* differencesOf(roots);
  const levels = [pairsIn(roots)];
  for (let level = levels.at(-1); level !== undefined; level = levels.at(-1)) {
    const next = level.next();
    if (next.done) {
      levels.pop();
      continue;
    }
    const pair = next.value;
    yield* differencesOf(pair);
    if (pair.before?.kind === "directory" || pair.after?.kind === "directory") levels.push(pairsIn(pair));
  }
}

interface Pair {
  readonly path: string;
  readonly before: TreeNode | null;
  readonly after: TreeNode | null;
}

/** What two directories hold, name by name. */
function* pairsIn({ path, before, after }: Pair): Generator<Pair> {
  const [ones, others] = [childrenOf(before), childrenOf(after)];
  let [one, other] = [ones.next().value, others.next().value];
  for (;;) {
    const first = one === undefined || (other !== undefined && other[0] < one[0]) ? other : one;
    if (first === undefined) return;
    const [name] = first;
    const pair = {
      path: path === "" ? name : `${path}/${name}`,
      before: nodeOf(one, name),
      after: nodeOf(other, name),
    };
    yield pair;
    if (pair.before !== null) one = ones.next().value;
    if (pair.after !== null) other = others.next().value;
  }
}

type Child = readonly [string, TreeNode];

function nodeOf(child: Child | undefined, name: string): TreeNode | null {
  return child !== undefined && child[0] === name ? child[1] : null;
}

function childrenOf(node: TreeNode | null): Iterator<Child, undefined> {
  return (node?.kind === "directory" ? sortedChildren(node) : [])[Symbol.iterator]();
}

function* differencesOf({ path, before, after }: Pair): Generator<Difference> {
  if (before === null || after === null) {
    yield { path, before, after, fields: [], mayDifferInContent: false };
    return;
  }
  const fields = FIELDS.filter((field) => differs[field](before, after));
  const mayDifferInContent =
    before.kind === "file" && after.kind === "file" && before.size === after.size && before.size > 0;
  if (fields.length > 0 || mayDifferInContent) yield { path, before, after, fields, mayDifferInContent };
}

const FIELDS: readonly DifferentField[] = ["type", "content", "target", "device", "mode", "owner", "xattrs"];

const differs: Readonly<Record<DifferentField, (one: TreeNode, other: TreeNode) => boolean>> = {
  type: (one, other) => one.kind !== other.kind,
  content: (one, other) => one.kind === "file" && other.kind === "file" && one.size !== other.size,
  target: (one, other) => one.kind === "symlink" && other.kind === "symlink" && one.target !== other.target,
  device: (one, other) =>
    "major" in one && "major" in other && (one.major !== other.major || one.minor !== other.minor),
  mode: (one, other) => one.mode !== other.mode,
  owner: (one, other) => one.uid !== other.uid || one.gid !== other.gid,
  xattrs: (one, other) => !sameXattrs(one.xattrs, other.xattrs),
};

function sameXattrs(one: TreeNode["xattrs"], other: TreeNode["xattrs"]): boolean {
  const values = other ?? new Map<string, Buffer>();
  return (one?.size ?? 0) === values.size && [...(one ?? [])].every(([key, value]) => values.get(key)?.equals(value));
}
