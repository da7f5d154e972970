import { barChart } from "../chart.ts";
import { circumstances } from "../machine.ts";
import { notMeasuredLines, pictureOf, type Report } from "../report.ts";
import { markdownTable, type Table, textTable } from "../table.ts";
import { type ContainerResults, type ContainerRow, containerTasksOf } from "./results.ts";

const NAME = "containers";
const TITLE = "Time for containers";
const HEADINGS = ["task", "peer", "median ms", "min-max ms", "to fastest peer"];

export function containersReport(results: ContainerResults): Report {
  return {
    name: NAME,
    results,
    text: renderText(results),
    markdown: renderMarkdown(results),
    picture: renderChart(results),
  };
}

function renderMarkdown(results: ContainerResults): string {
  return [
    ...circumstances(results),
    "",
    `![${TITLE} of ${results.image}, bar by bar](${pictureOf(NAME)})`,
    "",
    ...markdownTable(tableOf(results)),
    ...(results.missing.length === 0 ? [] : [""]),
    ...notMeasuredLines(results.missing),
    "",
  ].join("\n");
}

function renderText(results: ContainerResults): string {
  return [...textTable(tableOf(results)), ...notMeasuredLines(results.missing), ""].join("\n");
}

function tableOf({ samples }: ContainerResults): Table {
  const rows = containerTasksOf(samples).flatMap(({ task, rows }) =>
    rows.map((row) => [
      task,
      row.peer,
      row.median.toFixed(1),
      `${row.min.toFixed(1)}-${row.max.toFixed(1)}`,
      row.ratio === null ? "" : row.ratio.toFixed(2),
    ]),
  );
  return [HEADINGS, ...rows];
}

function renderChart({ image, samples }: ContainerResults): string {
  const groups = containerTasksOf(samples).map(({ task, rows }) => ({
    title: task,
    bars: rows.map((row) => ({ ...row, label: row.peer, note: ratioNote(row) })),
  }));
  const title = `${TITLE} of ${image}`;
  const note = "Median of wall-clock time of a command or call; shorter is better.";
  return barChart({ title, note, groups, labelWidth: 150, format: (value) => `${value.toFixed(1)} ms` });
}

function ratioNote({ ratio }: ContainerRow): string {
  return ratio === null ? "" : ` (${ratio.toFixed(2)})`;
}
