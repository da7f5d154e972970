import { openDirectory } from "../sys/at.ts";
import { close } from "../sys/file.ts";
import { readDirectory } from "../sys/read-dir.ts";
import { fstat } from "../sys/stat.ts";
import { TreeCursor } from "../sys/tree-cursor.ts";
import { getXattr } from "../sys/xattr.ts";
import { joinKey } from "../union/entry-path.ts";
import { type ComparedNode, type CompareOptions, type Comparison, changeOf, isSeen, statOf } from "./comparison.ts";
import { isOpaque, isWhiteout, type LowerNode, LowerStack } from "./lower-stack.ts";

/** A directory that overlayfs writes to, and those that it joins below, topmost first. */
export interface UpperDirectory {
  readonly directory: string;
  readonly lowers: readonly string[];
}

/**
 * Thrown (never shown to a user) where an upper directory does not hold a change itself: overlayfs can be set to note
 * of a renamed directory only where it came from, and of a file only its attributes. Then the merged trees tell.
 */
export class IncompleteUpper extends Error {
  override readonly name = "IncompleteUpper";
}

/**
 * What overlayfs shows with the upper directory against what it would show without, by the upper directory alone: the
 * layers below are asked for its own paths only. The comparisons are those of `compareTrees` with the two merged trees,
 * but for what is the same in both, of which only nodes in the upper directory are told. A file that was copied up
 * and has its old size and time is compared by content.
 *
 * Fails as `compareTrees`, and with IncompleteUpper.
 */
export function* compareOverlay(place: UpperDirectory, options: CompareOptions): Generator<Comparison> {
  const root = openDirectory(place.directory);
  try {
    using lowers = new LowerStack(place.lowers);
    using upper = new TreeCursor(root, HERE);
    const node = { path: Buffer.alloc(0), stat: fstat(upper.fd), directory: upper.fd, name: HERE };
    yield { kind: changeOf(seen(lowers.root(), options), node, options), ...node };
    yield* compareContent({ upper, lowers, options });
  } finally {
    close(root);
  }
}

const HERE = Buffer.from(".");
const REDIRECTS = ["trusted.overlay.redirect", "user.overlay.redirect"];
const METACOPIES = ["trusted.overlay.metacopy", "user.overlay.metacopy"];

interface Walk {
  readonly upper: TreeCursor;
  readonly lowers: LowerStack;
  readonly options: CompareOptions;
}

interface Level {
  /** Of the directory, as latin1. */
  readonly key: string;
  /**
   * Whether the layers below have a directory here, and what it holds shows: `hidden` where the upper one is opaque or
   * lies in one that is.
   */
  readonly below: "shows" | "hidden" | "nothing";
  /** By the bytes of their names: those of the upper directory, and those that it hides. */
  readonly names: readonly { readonly name: Buffer; readonly inUpper: boolean }[];
  next: number;
}

function* compareContent(walk: Walk): Generator<Comparison> {
  const { upper, lowers, options } = walk;
  const readingAll = { ...options, readsContent: () => true };
  const levels = [levelOf(walk, "", lowers.root() === null ? "nothing" : "shows")];
  for (let level = levels.at(-1); level !== undefined; level = levels.at(-1)) {
    const next = level.names[level.next++];
    if (next === undefined) {
      levels.pop();
      if (levels.length > 0) upper.leave();
      continue;
    }
    const { name, inUpper } = next;
    const key = joinKey(level.key, name);
    const path = Buffer.from(key, "latin1");
    const old = level.below === "nothing" ? null : seen(lowers.find(level.key, name.toString("latin1")), options);
    const current = inUpper ? nodeIn(upper, name, options) : null;
    if (current === null) {
      if (old !== null) yield { kind: "removed", path, ...old };
      continue;
    }
    yield { kind: changeOf(old, current, readingAll), path, ...current };
    if (current.stat.kind !== "directory") continue;
    const isCut = level.below === "hidden" || isOpaque(upper.fd, name);
    const below = old?.stat.kind !== "directory" ? "nothing" : isCut ? "hidden" : "shows";
    upper.enter(name);
    levels.push(levelOf(walk, key, below));
  }
}

function levelOf({ upper, lowers }: Walk, key: string, below: Level["below"]): Level {
  const names = readDirectory(upper.fd).map(({ name }) => ({ name, inUpper: true }));
  if (below !== "hidden") return { key, below, names, next: 0 };
  const known = new Set(names.map(({ name }) => name.toString("latin1")));
  const hidden = lowers.list(key).filter((name) => !known.has(name.toString("latin1")));
  names.push(...hidden.map((name) => ({ name, inUpper: false })));
  return { key, below, names: names.sort((a, b) => Buffer.compare(a.name, b.name)), next: 0 };
}

function seen(node: LowerNode | null, options: CompareOptions): ComparedNode | null {
  if (node === null || !isSeen(node.stat, options)) return null;
  return { stat: node.stat, directory: node.rootFd, name: node.path };
}

/** Null for a whiteout too. */
function nodeIn({ fd }: TreeCursor, name: Buffer, options: CompareOptions): ComparedNode | null {
  const stat = statOf(fd, name, options);
  if (stat === null || isWhiteout(stat)) return null;
  if (stat.kind === "directory") refuseIncomplete(fd, name, REDIRECTS);
  // What is left out in a file that has only attributes is all of its content.
  if (stat.kind === "file" && stat.size > 0 && stat.blocks === 0) refuseIncomplete(fd, name, METACOPIES);
  return { stat, directory: fd, name };
}

function refuseIncomplete(fd: number, name: Buffer, attributes: readonly string[]): void {
  if (attributes.some((key) => getXattr(fd, name, key) !== null)) throw new IncompleteUpper();
}
