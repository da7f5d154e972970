import { printable } from "../../core/errors.ts";
import type { HiddenFile, Waste } from "../../engine/look/waste.ts";
import type { RuleResult } from "../waste-rules.ts";
import { renderInstruction } from "./instruction.ts";
import { humanSize } from "./size.ts";
import { renderTable } from "./table.ts";

const MAX_INSTRUCTION = 70;
const SHOWN_NAMES = 3;

/** The figures, and below them `rows` of each list; null for all. */
export function renderWaste(waste: Waste, rows: number | null): string {
  const { hidden, duplicates } = waste;
  const parts = [
    renderFigures(waste),
    renderLayers(waste),
    ...(hidden.length === 0 ? [] : [renderHidden(hidden, rows)]),
    ...(duplicates === null || duplicates.length === 0 ? [] : [renderDuplicates(duplicates, rows)]),
  ];
  return parts.join("\n");
}

/** One line a rule, and the verdict. */
export function renderRules(results: readonly RuleResult[]): string {
  const lines = results.map(({ rule, status, found, threshold }) => {
    const bound = rule === "lowestEfficiency" ? "at least" : "at most";
    const figure = Number(found.toFixed(4));
    return `${status.toUpperCase()}  ${rule}: ${threshold === null ? "disabled" : `${figure}, ${bound} ${threshold}`}\n`;
  });
  const verdict = results.some(({ status }) => status === "fail") ? "FAIL" : "PASS";
  return `\n${lines.join("")}Result: ${verdict}\n`;
}

function renderFigures(waste: Waste): string {
  const rows: (readonly [string, string])[] = [
    ["efficiency", percent(waste.efficiency)],
    ["wasted", `${humanSize(waste.wastedBytes)} in paths that several layers have`],
    ["of what is above the lowest layer", percent(waste.wastedUserPercent)],
    ["hidden", `${humanSize(waste.hiddenBytes)} in files that later layers replace or delete`],
  ];
  const width = Math.max(...rows.map(([name]) => name.length));
  return rows.map(([name, value]) => `${name.padEnd(width)}  ${value}\n`).join("");
}

function renderLayers({ layers }: Waste): string {
  const rows = layers.map(({ bytes, hiddenBytes, hidesBytes, createdBy }, index) => [
    String(index + 1),
    humanSize(bytes),
    humanSize(hiddenBytes),
    humanSize(hidesBytes),
    renderInstruction(createdBy, MAX_INSTRUCTION),
  ]);
  return renderTable(["LAYER", "SIZE", "HIDDEN", "HIDES", "CREATED BY"], rows.reverse());
}

function renderHidden(hidden: readonly HiddenFile[], count: number | null): string {
  const rows = hidden
    .slice(0, count ?? undefined)
    .map(({ bytes, layer, by, how, path }) => [
      humanSize(bytes),
      String(layer + 1),
      `${how} by ${by + 1}`,
      printable(path),
    ]);
  return `${renderTable(["HIDDEN", "LAYER", "HOW", "FILE"], rows)}${rest(hidden.length - rows.length, "files")}`;
}

function renderDuplicates(duplicates: NonNullable<Waste["duplicates"]>, count: number | null): string {
  const rows = duplicates.slice(0, count ?? undefined).map(({ wastedBytes, bytes, files }) => {
    const names = files.slice(0, SHOWN_NAMES).map(({ path }) => printable(path));
    const more = files.length > names.length ? [`and ${files.length - names.length} more`] : [];
    return [humanSize(wastedBytes), `${files.length} x ${humanSize(bytes)}`, [...names, ...more].join("  ")];
  });
  return `${renderTable(["TWICE", "FILES", "SAME CONTENT"], rows)}${rest(duplicates.length - rows.length, "contents")}`;
}

function rest(count: number, what: string): string {
  return count <= 0 ? "" : `… ${count} more ${what}, all with --all\n`;
}

function percent(ratio: number): string {
  return `${Number((ratio * 100).toFixed(2))}%`;
}
