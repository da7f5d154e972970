import { join } from "node:path";
import { printable } from "../../core/errors.ts";
import type { Explanation, LayerSummary, PathExplanation, PathStepSummary } from "../../engine/explain/explanation.ts";
import { cornerOf } from "./explanation.ts";
import { renderInstruction } from "./instruction.ts";
import { humanSize } from "./size.ts";

/** The verdict, and from the topmost layer down what each does to the path and where its file lies. */
export function renderPathExplanation(explanation: Explanation, path: PathExplanation, width: number): string[] {
  const { layers } = explanation;
  const steps = path.steps.map((step) => renderEffect(step));
  const column = Math.max(...steps.map(({ length }) => length));
  const stack = layers.map((layer, index): string[] => {
    const number = String(index + 1).padStart(String(layers.length).length);
    const made = renderInstruction(layer.createdBy, width);
    const edge = index === 0 ? " " : "│";
    const file = fileOf(layer, path, index);
    return [
      `${cornerOf(index, layers.length)} ${number}  ${steps[index]?.padEnd(column)}  ${made}`,
      ...(file === null ? [] : [`${edge} ${"".padEnd(number.length)}    ${file}`]),
    ];
  });
  return [verdict(path), ...stack.reverse().flat()];
}

export function verdict({ path, layer, steps }: PathExplanation): string {
  const name = printable(path);
  const kind = steps.at(-1)?.node?.kind;
  return layer === null ? `${name} is not in the image any more` : `${name} is a ${kind}, as layer ${layer + 1} has it`;
}

/** "replaced: file 0644 12B", "deleted by the whiteout of /etc". */
export function renderEffect({ effect, by, node }: PathStepSummary): string {
  const place = by === null ? "" : printable(by);
  switch (effect) {
    case "untouched":
      return "untouched";
    case "deleted":
      return `deleted by the whiteout of ${place}`;
    case "hidden":
      return `hidden by the opaque directory ${place}`;
    case "displaced":
      return `displaced by ${place}`;
    default:
      return `${effect}: ${node === null ? "" : describe(node)}`;
  }
}

function describe({ kind, mode, size, linkTarget }: NonNullable<PathStepSummary["node"]>): string {
  if (kind === "symlink") return `symlink to ${printable(linkTarget ?? "")}`;
  return `${kind} ${mode.toString(8).padStart(4, "0")}${kind === "file" ? ` ${humanSize(size)}` : ""}`;
}

/** Where the layer's own file of that path lies on disk. */
function fileOf({ directory }: LayerSummary, { path, steps }: PathExplanation, index: number): string | null {
  const effect = steps[index]?.effect;
  if (directory === null || (effect !== "put" && effect !== "replaced" && effect !== "changed")) return null;
  return join(printable(directory), printable(path));
}
