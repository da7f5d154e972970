import { setImmediate } from "node:timers/promises";
import { compareTrees } from "./compare-trees.ts";
import type { Comparison } from "./comparison.ts";

/** A path that was `A`dded, `C`hanged or `D`eleted, as `docker diff` tells it. */
export interface TreeChange {
  readonly kind: "A" | "C" | "D";
  /** Bytes, with a leading `/`. */
  readonly path: Buffer;
}

/** How many names are compared before other work has its turn. */
const BATCH = 2000;

/** What turns the directory tree `before` into `after`, told as by `toldChanges`. Fails as `systemError`. */
export async function treeChanges(before: string, after: string): Promise<TreeChange[]> {
  return toldChanges(compareTrees(before, after, { withoutSockets: false }));
}

/**
 * The changes of a comparison as Docker tells them, sorted by the bytes of the paths: a changed path makes the directories
 * above it `C`, a removed directory is one `D`, and the root is never told.
 */
export async function toldChanges(comparisons: Iterable<Comparison>): Promise<TreeChange[]> {
  const changes: TreeChange[] = [];
  /** The directories above the present name, outermost first, and whether they are told. */
  const above: { readonly path: Buffer; told: boolean }[] = [];
  let steps = 0;
  for (const { kind, path, stat } of comparisons) {
    if (++steps % BATCH === 0) await setImmediate();
    if (path.length === 0) continue;
    while (above.length > 0 && !isInside(path, above.at(-1)!.path)) above.pop();
    if (kind !== "same") {
      for (const directory of above) {
        if (!directory.told) changes.push({ kind: "C", path: absolute(directory.path) });
        directory.told = true;
      }
      changes.push({ kind: LETTERS[kind], path: absolute(path) });
    }
    if (kind !== "removed" && stat.kind === "directory") above.push({ path, told: kind !== "same" });
  }
  return changes.sort((a, b) => Buffer.compare(a.path, b.path));
}

const LETTERS = { added: "A", changed: "C", removed: "D" } as const;
const SLASH = Buffer.from("/");

/** Whether `path`, a later name of the walk, lies in `directory`. */
export function isInside(path: Buffer, directory: Buffer): boolean {
  return path[directory.length] === 0x2f && path.subarray(0, directory.length).equals(directory);
}

function absolute(path: Buffer): Buffer {
  return Buffer.concat([SLASH, path]);
}
