import { printable } from "../../core/errors.ts";
import type { TreeNode } from "../../engine/engine.ts";
import { renderTable } from "./table.ts";

const KIND_LETTERS: Readonly<Record<TreeNode["kind"], string>> = {
  file: "-",
  directory: "d",
  symlink: "l",
  char: "c",
  block: "b",
  fifo: "p",
};

export interface NodesView {
  /** Mode, owner, size, time and layer as well. */
  readonly long: boolean;
  /** Whole paths in place of names. */
  readonly paths: boolean;
}

/** One line a node, whatever its name holds. */
export function renderNodes(nodes: readonly TreeNode[], view: NodesView): string {
  const name = (node: TreeNode): string => printable(view.paths ? node.path : node.name);
  if (!view.long) return nodes.map((node) => `${name(node)}\n`).join("");
  const headings = ["MODE", "OWNER", "SIZE", "MODIFIED", "LAYER", "NAME"];
  const rows = nodes.map((node) => [
    modeText(node),
    `${node.uid}:${node.gid}`,
    node.device === null ? String(node.size) : `${node.device.major}, ${node.device.minor}`,
    timeText(node.mtime.seconds),
    String(node.layer + 1),
    node.linkTarget === null ? name(node) : `${name(node)} -> ${printable(node.linkTarget)}`,
  ]);
  return renderTable(headings, rows);
}

/** Ten characters as in `ls -l`. */
export function modeText({ kind, mode }: Pick<TreeNode, "kind" | "mode">): string {
  const special = [
    { bit: 0o4000, letter: "s" },
    { bit: 0o2000, letter: "s" },
    { bit: 0o1000, letter: "t" },
  ];
  const triples = special.map(({ bit, letter }, index) => {
    const bits = mode >> (6 - 3 * index);
    const executable = (bits & 1) !== 0;
    const last = mode & bit ? (executable ? letter : letter.toUpperCase()) : executable ? "x" : "-";
    return `${bits & 4 ? "r" : "-"}${bits & 2 ? "w" : "-"}${last}`;
  });
  return `${KIND_LETTERS[kind]}${triples.join("")}`;
}

/** In UTC, to the second; the number of seconds where a calendar date cannot hold it. */
export function timeText(seconds: number): string {
  const date = new Date(seconds * 1000);
  return Number.isNaN(date.getTime())
    ? `@${seconds}`
    : date
        .toISOString()
        .replace("T", " ")
        .replace(/\.\d+Z$/, "");
}
