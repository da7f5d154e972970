import { globMatcher } from "../core/glob.ts";
import { compareTimespec, type Timespec } from "../core/timespec.ts";
import { walk } from "./lookup.ts";
import type { PlacedNode, TreeNode } from "./node.ts";

/** What a number is compared with: as `n`, `+n` and `-n` of find(1). */
export interface Comparison {
  readonly than: "equal" | "more" | "less";
  readonly count: number;
}

/** All that is given must hold. */
export interface FindCriteria {
  /** Glob of the last name, as fnmatch(3) reads it: `*` also takes a dot in front. */
  readonly name?: string | undefined;
  readonly kinds?: readonly TreeNode["kind"][] | undefined;
  /** Sizes in units of `unit` bytes, rounded up. */
  readonly size?: (Comparison & { readonly unit: number }) | undefined;
  /** Changed after this time. */
  readonly newer?: Timespec | undefined;
  /** `exact`: these bits; `all`: at least these; `any`: one of these, and every mode where none is given. */
  readonly mode?: { readonly bits: number; readonly match: "exact" | "all" | "any" } | undefined;
  /** Index of the layer that holds it. */
  readonly layer?: number | undefined;
  readonly minDepth?: number | undefined;
  readonly maxDepth?: number | undefined;
}

/** `start` and what lies below it, as far as the criteria hold, in the order of `walk`. INVALID_REFERENCE for a bad glob. */
export function* findNodes(start: PlacedNode, criteria: FindCriteria): Generator<PlacedNode> {
  const { minDepth = 0, maxDepth = Number.POSITIVE_INFINITY } = criteria;
  const matchesName = criteria.name === undefined ? null : nameMatcher(criteria.name);
  for (const place of walk(start)) {
    const depth = depthOf(start.path, place.path);
    if (depth < minDepth || depth > maxDepth) continue;
    if (matchesName !== null && !matchesName(place.path)) continue;
    if (holds(place.node, criteria)) yield place;
  }
}

function holds(node: TreeNode, { kinds, size, newer, mode, layer }: FindCriteria): boolean {
  if (kinds !== undefined && !kinds.includes(node.kind)) return false;
  if (layer !== undefined && node.layer !== layer) return false;
  if (size !== undefined && !compares(Math.ceil(sizeOf(node) / size.unit), size)) return false;
  if (newer !== undefined && compareTimespec(mtimeOf(node), newer) <= 0) return false;
  return mode === undefined || hasMode(node.mode, mode);
}

function compares(found: number, { than, count }: Comparison): boolean {
  if (than === "equal") return found === count;
  return than === "more" ? found > count : found < count;
}

function sizeOf(node: TreeNode): number {
  if (node.kind === "file") return node.size;
  return node.kind === "symlink" ? node.target.length : 0;
}

export function mtimeOf({ mtimeSeconds, mtimeNanoseconds }: TreeNode): Timespec {
  return { seconds: mtimeSeconds, nanoseconds: mtimeNanoseconds };
}

function hasMode(mode: number, { bits, match }: NonNullable<FindCriteria["mode"]>): boolean {
  if (match === "exact") return mode === bits;
  if (match === "all") return (mode & bits) === bits;
  return bits === 0 || (mode & bits) !== 0;
}

/** Of the root the name is `/`, as find has it. */
function nameMatcher(glob: string): (path: string) => boolean {
  const matches = globMatcher(glob.replaceAll("[!", "[^"));
  return (path) => {
    const name = path.slice(path.lastIndexOf("/") + 1);
    return matches(name === "" ? "/" : Buffer.from(name, "latin1").toString());
  };
}

function depthOf(start: string, path: string): number {
  if (path === start) return 0;
  const from = start === "" ? 0 : start.length + 1;
  let depth = 1;
  for (let at = path.indexOf("/", from); at !== -1; at = path.indexOf("/", at + 1)) depth++;
  return depth;
}
