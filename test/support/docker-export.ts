import { isMountPoint } from "./dockerd.ts";
import type { TreeRow } from "./dump-tree.ts";

/**
 * The rows of an exported container, as far as they are those of its image. dockerd leaves a directory that a layer
 * implies, or deletes something from, with the time when it did so, which is after `started` (nanoseconds since 1970):
 * such a time says nothing.
 */
export function rowsOfImage(exported: readonly TreeRow[], started: bigint): TreeRow[] {
  return inWholeSeconds(exported).map((row) =>
    row.type === "directory" && (row.mtime ?? 0n) >= started ? { ...row, mtime: null } : row,
  );
}

/** Without the root and what dockerd has of its own; times as dockerd keeps them: whole seconds, none before 1970. */
export function inWholeSeconds(rows: readonly TreeRow[]): TreeRow[] {
  return rows
    .filter(({ path }) => path !== "" && !isMountPoint(path))
    .map((row) => ({ ...row, mtime: row.mtime === null ? null : wholeSeconds(row.mtime) }));
}

function wholeSeconds(time: bigint): bigint {
  return time < 0n ? 0n : time - (time % 1_000_000_000n);
}
