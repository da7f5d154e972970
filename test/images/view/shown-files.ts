import type { TreeRow } from "../../support/dump-tree.ts";

/** The files of a tree, each content once, however many names it has. */
export function shownFiles(rows: readonly TreeRow[]): TreeRow[] {
  const files = rows.filter(({ type }) => type === "file");
  return [...new Map(files.map((row): [string, TreeRow] => [row.group ?? row.path, row])).values()];
}

/** Bytes of content of a tree. */
export function shownBytes(rows: readonly TreeRow[]): number {
  return shownFiles(rows).reduce((sum, { size }) => sum + (size ?? 0), 0);
}
