import { barChart } from "./chart.ts";
import { circumstances } from "./machine.ts";
import { pictureOf, type Report } from "./report.ts";
import { type Operation, OURS, type Results, type Row, type Task, tasksOf } from "./results.ts";
import { summaryCells } from "./statistics.ts";
import { markdownTable, type Table, textTable } from "./table.ts";

const TITLES: Readonly<Record<Operation, string>> = {
  load: "Time to load an image into an empty store",
  save: "Time to save an image to /dev/null",
  pull: "Time to pull an image into an empty store",
  push: "Time to push an image to an empty registry",
};
const HEADINGS = ["image", "peer", "median s", "min-max s", "user+sys CPU s", "peak RSS MiB", "to fastest peer"];

export function reportOf(results: Results): Report {
  return {
    name: results.operation,
    results,
    text: renderText(results),
    markdown: renderMarkdown(results),
    picture: renderChart(results),
  };
}

export function renderMarkdown(results: Results): string {
  const { operation, samples, missing } = results;
  return [
    ...circumstances(results),
    "",
    `![${TITLES[operation]}, bar by bar](${pictureOf(operation)})`,
    "",
    ...markdownTable(tableOf(samples)),
    ...(missing.length === 0 ? [] : [""]),
    ...missing.map(({ peer, form, reason }) => `Not measured: ${peer} (${form}), because ${reason}.`),
    "",
  ].join("\n");
}

/** The same table for a terminal. */
export function renderText({ samples, missing }: Results): string {
  const left = missing.map(({ peer, form, reason }) => `Not measured: ${peer} (${form}), because ${reason}`);
  return [...textTable(tableOf(samples)), ...left, ""].join("\n");
}

function tableOf(samples: Results["samples"]): Table {
  return [HEADINGS, ...tasksOf(samples).flatMap(cellsOf)];
}

function cellsOf({ form, image, rows }: Task): string[][] {
  return rows.map((row) => [
    `${image}, ${form}`,
    row.peer,
    ...summaryCells(row),
    row.ratio === null ? "" : row.ratio.toFixed(2),
  ]);
}

export function renderChart({ operation, samples }: Results): string {
  const groups = tasksOf(samples).map(({ form, image, rows }) => ({
    title: `${image}, ${form}`,
    bars: rows.map((row) => ({ ...row, label: row.peer, note: ratioNote(row), isOurs: row.peer === OURS })),
  }));
  const note = "Median of wall-clock time, writing to the disk included; shorter is better.";
  return barChart({ title: TITLES[operation], note, groups });
}

function ratioNote({ ratio }: Row): string {
  return ratio === null ? "" : ` (${ratio.toFixed(2)})`;
}
