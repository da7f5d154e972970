import type { TreeRow, TreeRowType } from "../../test/support/dump-tree.ts";

/** A path in a peer's answer. null: the peer does not tell that. */
export interface ListedNode {
  /** Bytes as latin1, without `/` before or after. */
  readonly path: string;
  readonly type: TreeRowType;
  readonly mode: number | null;
  /** Of a file. */
  readonly size: number | null;
  /** Of a symlink; bytes as latin1. */
  readonly target: string | null;
}

/** What a listing is judged by. */
export interface Judgement {
  /** Types that the peer can list at all; null for all. Others are not counted as missing. */
  readonly types: readonly TreeRowType[] | null;
  /** Paths that the peer adds by design, which are not looked at. */
  readonly added: RegExp | null;
}

/** Numbers of paths. */
export interface WrongAnswers {
  readonly missing: number;
  /** Those of no node, and those that are told again. */
  readonly extra: number;
  /** With another type, mode, size or target. */
  readonly different: number;
}

export function wrongAnswers(
  expected: readonly TreeRow[],
  listed: readonly ListedNode[],
  { types, added }: Judgement,
): WrongAnswers {
  const isJudged = (path: string): boolean => path !== "" && added?.test(path) !== true;
  const wanted = expected.filter(({ path, type }) => isJudged(path) && types?.includes(type) !== false);
  const rows = new Map(expected.map((row) => [row.path, row]));
  const judged = listed.filter(({ path }) => isJudged(path));
  const found = new Map(judged.map((node) => [node.path, node]));
  const known = [...found.values()].filter(({ path }) => rows.has(path));
  return {
    missing: wanted.filter(({ path }) => !found.has(path)).length,
    extra: judged.length - known.length,
    different: known.filter((node) => !agrees(node, rows.get(node.path))).length,
  };
}

function agrees({ type, mode, size, target }: ListedNode, row: TreeRow | undefined): boolean {
  return (
    type === row?.type &&
    (mode === null || mode === row.mode) &&
    (size === null || type !== "file" || size === row.size) &&
    (target === null || target === row.target)
  );
}
