import { type BarGroup, barChart } from "../chart.ts";
import { circumstances } from "../machine.ts";
import { notMeasuredLines, pictureOf, type Report } from "../report.ts";
import { OURS } from "../results.ts";
import { mebibytes, summaryCells } from "../statistics.ts";
import { markdownTable, type Table, textTable } from "../table.ts";
import { type ListingRow, type LookResults, listingTasksOf, type ReadingRow, readingTasksOf } from "./results.ts";

const NAME = "look";
const TITLE = "Time to read an image";
const SUMMARY = ["median s", "min-max s", "user+sys CPU s", "peak RSS MiB"];

export function lookReport(results: LookResults): Report {
  return {
    name: NAME,
    results,
    text: renderText(results),
    markdown: renderMarkdown(results),
    picture: renderChart(results),
  };
}

function renderMarkdown(results: LookResults): string {
  const { missing } = results;
  return [
    ...circumstances(results),
    "",
    `![${TITLE}, bar by bar](${pictureOf(NAME)})`,
    "",
    ...markdownTable(readingTable(results)),
    "",
    ...markdownTable(listingTable(results)),
    ...(missing.length === 0 ? [] : [""]),
    ...notMeasuredLines(missing),
    "",
  ].join("\n");
}

function renderText(results: LookResults): string {
  const left = notMeasuredLines(results.missing);
  return [...textTable(readingTable(results)), "", ...textTable(listingTable(results)), ...left, ""].join("\n");
}

function readingTable({ readings }: LookResults): Table {
  const rows = readingTasksOf(readings).flatMap(({ task, rows }) =>
    rows.map((row) => [task, row.command, ...summaryCells(row), ratiosOf(row)]),
  );
  return [["what", "command", ...SUMMARY, "to the others"], ...rows];
}

function ratiosOf({ ratios }: ReadingRow): string {
  return ratios.map(({ to, ratio }) => `${ratio.toFixed(2)} of ${to}`).join(", ");
}

function listingTable({ listings }: LookResults): Table {
  const rows = listingTasksOf(listings).flatMap(({ image, rows }) =>
    rows.map((row) => [
      image,
      nameOf(row),
      ...summaryCells(row),
      mebibytes(row.writtenBytes),
      ...[row.wrong.missing, row.wrong.extra, row.wrong.different].map(String),
    ]),
  );
  return [["image", "peer", ...SUMMARY, "written MiB", "missing", "extra", "different"], ...rows];
}

function nameOf({ peer, form }: ListingRow): string {
  return `${peer}, ${form}`;
}

function renderChart({ readings, listings }: LookResults): string {
  const read = readingTasksOf(readings).map(
    ({ task, rows }): BarGroup => ({
      title: task,
      bars: rows.map((row) => ({ ...row, label: row.command, note: "", isOurs: !row.isReference })),
    }),
  );
  const listed = listingTasksOf(listings).map(
    ({ image, rows }): BarGroup => ({
      title: `all paths of ${image}`,
      bars: rows.map((row) => ({ ...row, label: nameOf(row), note: wrongNote(row), isOurs: row.peer === OURS })),
    }),
  );
  const note = "Median of wall-clock time of the whole process; shorter is better.";
  return barChart({ title: TITLE, note, groups: [...read, ...listed], labelWidth: 230, noteWidth: 180 });
}

function wrongNote({ wrong: { missing, extra, different } }: ListingRow): string {
  const wrong = missing + extra + different;
  return wrong === 0 ? "" : ` (${wrong} wrong)`;
}
