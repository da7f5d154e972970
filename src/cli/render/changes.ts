import { printable } from "../../core/errors.ts";
import type { Change } from "../../engine/engine.ts";
import type { ChangedNode } from "../../engine/look/list-changes.ts";
import { renderNodes } from "./nodes.ts";
import { humanSize } from "./size.ts";

export interface ChangesView {
  /** Mark what was changed by colours too. */
  readonly colour: boolean;
}

const LETTERS = { added: "A", changed: "C", deleted: "D" } as const;
/** Green, yellow, red: SGR foreground colours. */
const COLOURS = { added: 32, changed: 33, deleted: 31 } as const;

/** As a tree with sizes, and by which layer a node was added, changed or deleted. */
export function* renderChangeTree(nodes: readonly ChangedNode[], { colour }: ChangesView): Generator<string> {
  const branches = branchesOf(nodes);
  let [sizeWidth, layerWidth] = [4, 5];
  for (const node of nodes) {
    sizeWidth = Math.max(sizeWidth, sizeOf(node).length);
    layerWidth = Math.max(layerWidth, layerOf(node).length);
  }
  yield `${"SIZE".padStart(sizeWidth)}  ${"LAYER".padStart(layerWidth)}\n`;
  for (const [index, node] of nodes.entries()) {
    const name = painted(node, nameOf(node), colour);
    yield `${sizeOf(node).padStart(sizeWidth)}  ${layerOf(node).padStart(layerWidth)}  ${branches[index]}${name}\n`;
  }
}

function sizeOf(node: ChangedNode): string {
  return node.change === "deleted" || !hasSize(node) ? "" : humanSize(node.total);
}

function layerOf(node: ChangedNode): string {
  return node.layer < 0 && node.changedBy === null ? "" : `${letterOf(node)} ${(node.changedBy ?? node.layer) + 1}`;
}

/** As `docker diff` prints them. */
export function renderPlainChanges(changes: readonly Change[]): string {
  return changes.map(({ kind, path }) => `${kind} ${printable(path)}\n`).join("");
}

/** A line a path: what became of it, and its name. */
export function renderChangeList(nodes: readonly ChangedNode[], paths: boolean): string {
  return nodes.map((node) => `${letterOf(node)} ${printable(paths ? node.path : node.name)}\n`).join("");
}

/** The same with what `ls -l` tells. */
export function renderLongChanges(nodes: readonly ChangedNode[], paths: boolean): string {
  const [head = "", ...lines] = renderNodes(nodes, { long: true, paths }).split("\n");
  return [
    `  ${head}`,
    ...lines.slice(0, nodes.length).map((line, index) => `${letterOf(nodes[index]!)} ${line}`),
    "",
  ].join("\n");
}

function letterOf({ change }: ChangedNode): string {
  return change === null ? " " : LETTERS[change];
}

/** The lines that lead to each node, from the last to the first, for what follows decides. */
function branchesOf(nodes: readonly ChangedNode[]): string[] {
  const branches: string[] = [];
  // Few of them differ, and of each there is one in memory.
  const known = new Map<string, string>();
  let open: boolean[] = [];
  for (const { depth } of nodes.toReversed()) {
    const isLast = open[depth] !== true;
    const above = Array.from({ length: Math.max(0, depth - 1) }, (_, level) => (open[level + 1] ? "│   " : "    "));
    const branch = depth === 0 ? "" : `${above.join("")}${isLast ? "└── " : "├── "}`;
    if (!known.has(branch)) known.set(branch, branch);
    branches.push(known.get(branch) ?? branch);
    open = open.slice(0, depth);
    open[depth] = true;
  }
  return branches.reverse();
}

function nameOf({ name, linkTarget }: ChangedNode): string {
  const text = name.length === 0 ? "/" : printable(name);
  return linkTarget === null ? text : `${text} -> ${printable(linkTarget)}`;
}

function hasSize({ kind }: ChangedNode): boolean {
  return kind === "file" || kind === "directory";
}

function painted({ change }: ChangedNode, text: string, colour: boolean): string {
  return colour && change !== null ? `\x1b[${COLOURS[change]}m${text}\x1b[0m` : text;
}
