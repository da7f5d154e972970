import { printable } from "../../core/errors.ts";
import type { ComparedFile, FileChange, ImageComparison } from "../../engine/look/compare-images.ts";
import { shortID } from "./image-id.ts";
import { renderInstruction, shorten } from "./instruction.ts";
import { humanSize } from "./size.ts";
import { renderTable, renderTableLines } from "./table.ts";

export const COMPARISON_PARTS = ["files", "packages", "config", "history"] as const;
export type ComparisonPart = (typeof COMPARISON_PARTS)[number];

const LETTERS: Readonly<Record<FileChange["kind"], string>> = { added: "A", changed: "C", removed: "D" };
const MAX_INSTRUCTION = 100;
const MAX_VALUE = 60;

/** The two images, and each part that has something to tell. */
export function* renderComparison(comparison: ImageComparison, parts: readonly ComparisonPart[]): Generator<string> {
  yield renderImages(comparison);
  let isSame = true;
  for (const part of parts) {
    let isFirst = true;
    for (const text of RENDERERS[part](comparison)) {
      yield isFirst ? `\n${text}` : text;
      [isFirst, isSame] = [false, false];
    }
  }
  if (isSame) yield `\nNo difference${parts.length === 1 ? ` of ${parts[0]}` : ""}.\n`;
}

/** Nothing where there is nothing to tell. */
const RENDERERS: Readonly<Record<ComparisonPart, (comparison: ImageComparison) => Iterable<string>>> = {
  files: renderFiles,
  packages: renderPackages,
  config: renderConfig,
  history: renderHistory,
};

function renderImages({ before, after, sharedLayers }: ImageComparison): string {
  const rows = [before, after].map(({ image, id, layers, size }) => [
    printable(image),
    shortID(id),
    String(layers.length),
    String(sharedLayers),
    humanSize(size),
  ]);
  return renderTable(["IMAGE", "ID", "LAYERS", "SHARED", "FILES"], rows);
}

function* renderFiles({ files }: ImageComparison): Generator<string> {
  if (files.length === 0) return;
  const rows: Iterable<string[]> = {
    *[Symbol.iterator]() {
      for (const change of files) yield cellsOf(change);
    },
  };
  const counts = (["added", "changed", "removed"] as const).map(
    (kind) => `${files.filter((change) => change.kind === kind).length} ${kind}`,
  );
  yield* renderTableLines([" ", "LAYER", "BYTES", "DIFFERS IN", "FILE"], rows);
  yield `${counts.join(", ")}\n`;
}

function cellsOf(change: FileChange): string[] {
  return [LETTERS[change.kind], layersOf(change), bytesOf(change), change.fields.join(","), printable(change.path)];
}

function layersOf({ before, after }: FileChange): string {
  const numbers = [before, after].flatMap((side) => (side === null || side.layer < 0 ? [] : [String(side.layer + 1)]));
  return numbers.join(" > ");
}

function bytesOf({ before, after }: FileChange): string {
  const sizes = [before, after].flatMap((side) => (side === null ? [] : [sizeOf(side)]));
  return sizes[0] === sizes[1] || sizes.length === 1 ? (sizes[0] ?? "") : sizes.join(" > ");
}

function sizeOf({ kind, size }: ComparedFile): string {
  return kind === "file" ? humanSize(size) : kind;
}

function renderPackages({ packages }: ImageComparison): string[] {
  if (packages.length === 0) return [];
  const rows = packages.map(({ manager, name, architecture, path, before, after }) => [
    manager,
    printable(architecture === null ? name : `${name}:${architecture}`),
    printable(before ?? "-"),
    printable(after ?? "-"),
    path === null ? "" : printable(path),
  ]);
  return [renderTable(["MANAGER", "PACKAGE", "BEFORE", "AFTER", "IN"], rows)];
}

function renderConfig({ config }: ImageComparison): string[] {
  if (config.length === 0) return [];
  const value = (text: string | null): string => (text === null ? "-" : shorten(printable(text), MAX_VALUE));
  const rows = config.map(({ field, before, after }) => [printable(field), value(before), value(after)]);
  return [renderTable(["CONFIG", "BEFORE", "AFTER"], rows)];
}

function renderHistory({ history: { same, before, after } }: ImageComparison): string[] {
  if (before.length + after.length === 0) return [];
  const lines = [
    ...before.map(({ createdBy }) => `- ${renderInstruction(createdBy, MAX_INSTRUCTION)}`),
    ...after.map(({ createdBy }) => `+ ${renderInstruction(createdBy, MAX_INSTRUCTION)}`),
  ];
  return [[`HISTORY   after ${same} ${same === 1 ? "step" : "steps"} that both have`, ...lines, ""].join("\n")];
}
