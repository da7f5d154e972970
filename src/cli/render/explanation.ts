import { printable } from "../../core/errors.ts";
import type { Explanation, LayerSummary } from "../../engine/engine.ts";
import { humanAge } from "./duration.ts";
import { humanSize } from "./size.ts";

export interface ExplanationView {
  /** Whole instructions, however long. */
  readonly fullInstructions: boolean;
  /** Milliseconds since 1970. */
  readonly now: number;
}

const MAX_INSTRUCTION = 100;

/** The image, its stack of layers with the topmost first, and the command that joins them. */
export function renderExplanation(explanation: Explanation, view: ExplanationView): string {
  const { id, names, layers } = explanation;
  const size = humanSize(layers.reduce((sum, layer) => sum + layer.size, 0));
  const created = humanAge(explanation.created, view.now);
  const count = `${layers.length} ${layers.length === 1 ? "layer" : "layers"}`;
  const stack = layers.map((layer, index) => renderLayer(layer, index, layers.length, view)).reverse();
  return [
    `${names.length === 0 ? "<none>" : names.map(printable).join(", ")}`,
    id,
    `${printable(explanation.platform)}, created ${created}, ${count}, ${size}, driver ${explanation.driver}`,
    "",
    ...stack.flat(),
    ...(layers.length === 0 ? [] : [""]),
    "Joined by",
    printable(explanation.mountCommand),
    "",
  ].join("\n");
}

/** Number and instruction, and below them the facts, along a line that runs from the topmost layer to the lowest. */
function renderLayer(layer: LayerSummary, index: number, count: number, view: ExplanationView): string[] {
  const isTop = index === count - 1;
  const isLowest = index === 0;
  const corner = isTop ? (isLowest ? "─" : "┌") : isLowest ? "└" : "├";
  const facts = [
    ["diffID", layer.diffID],
    ["chainID", layer.chainID],
    ["directory", printable(layer.directory)],
    ["size", humanSize(layer.size)],
    ...(layer.sharedWith.length === 0 ? [] : [["shared with", layer.sharedWith.map(printable).join(", ")]]),
  ];
  const edge = isLowest ? " " : "│";
  const number = String(index + 1).padStart(String(count).length);
  return [
    `${corner} ${number}  ${instruction(layer.createdBy, view)}`,
    ...facts.map(([name, value]) => `${edge} ${"".padEnd(number.length)}    ${name?.padEnd(11)}  ${value}`),
  ];
}

/** One line, without the shell that Docker's classic builder put before what is no command of it. */
function instruction(createdBy: string | null, { fullInstructions }: ExplanationView): string {
  if (createdBy === null) return "(no instruction recorded)";
  const line = printable(
    createdBy
      .replace(/^\/bin\/sh -c #\(nop\)\s*/, "")
      .replace(/\s+/g, " ")
      .trim(),
  );
  return fullInstructions || line.length <= MAX_INSTRUCTION ? line : `${line.slice(0, MAX_INSTRUCTION - 1)}…`;
}
