import { svgElement, svgPicture, svgText } from "../src/cli/render/svg.ts";
import { type Operation, OURS, type Results, type Row, type Task, tasksOf } from "./results.ts";

const TITLES: Readonly<Record<Operation, string>> = {
  load: "Time to load an image into an empty store",
  save: "Time to save an image to /dev/null",
  pull: "Time to pull an image into an empty store",
  push: "Time to push an image to an empty registry",
};
const HEADINGS = ["image", "peer", "median s", "min-max s", "user+sys CPU s", "peak RSS MiB", "to fastest peer"];

/** The picture's name in docs/. */
export function pictureOf({ operation }: Results): string {
  return `performance-${operation}.svg`;
}

/** The page with the results between its markers. */
export function withResults(page: string, results: Results): string {
  const begin = `<!-- Made by \`npm run bench -- ${results.operation}\`. -->\n`;
  const from = page.indexOf(begin);
  const to = page.indexOf(`<!-- End of ${results.operation}. -->`, from);
  if (from === -1 || to === -1) throw new Error("the page has no place for the results");
  return page.slice(0, from + begin.length) + renderMarkdown(results) + page.slice(to);
}

export function renderMarkdown(results: Results): string {
  const { machine, date, versions, missing } = results;
  const memory = Math.round(machine.memoryBytes / 2 ** 30);
  return [
    `Measured on ${date.slice(0, 10)}: ${machine.cores} cores of ${machine.processor}, ${memory} GiB, ${machine.system}, Linux ${machine.kernel}; ${machine.fileSystem}.`,
    `Versions: ${Object.entries(versions)
      .map(([peer, version]) => `${peer} ${version}`)
      .join("; ")}.`,
    "",
    `![${TITLES[results.operation]}, bar by bar](${pictureOf(results)})`,
    "",
    ...[HEADINGS, HEADINGS.map(() => "---"), ...tasksOf(results.samples).flatMap(cellsOf)].map(
      (cells) => `| ${cells.join(" | ")} |`,
    ),
    ...(missing.length === 0 ? [] : [""]),
    ...missing.map(({ peer, form, reason }) => `Not measured: ${peer} (${form}), because ${reason}.`),
    "",
  ].join("\n");
}

/** The same table for a terminal. */
export function renderText({ samples, missing }: Results): string {
  const rows = [HEADINGS, ...tasksOf(samples).flatMap(cellsOf)];
  const widths = HEADINGS.map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  const lines = rows.map((row) =>
    row
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join("  ")
      .trimEnd(),
  );
  const left = missing.map(({ peer, form, reason }) => `Not measured: ${peer} (${form}), because ${reason}`);
  return [...lines, ...left, ""].join("\n");
}

function cellsOf({ form, image, rows }: Task): string[][] {
  return rows.map((row) => [
    `${image}, ${form}`,
    row.peer,
    row.median.toFixed(2),
    `${row.min.toFixed(2)}-${row.max.toFixed(2)}`,
    `${row.userSeconds.toFixed(2)}+${row.systemSeconds.toFixed(2)}`,
    (row.peakBytes / 2 ** 20).toFixed(0),
    row.ratio === null ? "" : row.ratio.toFixed(2),
  ]);
}

const WIDTH = 860;
const LABELS = 120;
const BARS = WIDTH - LABELS - 150;
const ROW = 24;
const OURS_COLOUR = "#2f6db3";
const PEER_COLOUR = "#b4becb";
const INK = "#1f2933";

/** A bar for each peer, the image's slowest as long as there is room; a thin line from the quickest run to the slowest. */
export function renderChart({ operation, samples }: Results): string {
  const parts = text(24, 36, TITLES[operation], { size: 18, weight: "bold" });
  parts.push(
    ...text(24, 56, "Median of wall-clock time, writing to the disk included; shorter is better.", { size: 12 }),
  );
  let y = 84;
  for (const { form, image, rows } of tasksOf(samples)) {
    parts.push(...text(24, y + 4, `${image}, ${form}`, { size: 13, weight: "bold" }));
    const longest = Math.max(...rows.map(({ max }) => max));
    for (const [index, row] of rows.entries()) parts.push(...bar(row, longest, y + 14 + index * ROW));
    y += 14 + rows.length * ROW + 24;
  }
  return svgPicture({ width: WIDTH, height: y }, TITLES[operation], parts);
}

function bar(row: Row, longest: number, y: number): string[] {
  const left = 24 + LABELS;
  const length = (seconds: number): number => Math.round((seconds / longest) * BARS);
  const isOurs = row.peer === OURS;
  const middle = y + ROW / 2 - 2;
  const spread = { x1: left + length(row.min), x2: left + length(row.max), y1: middle, y2: middle };
  const frame = { x: left, y: y + 2, width: Math.max(1, length(row.median)), height: ROW - 8, rx: 2 };
  const ratio = row.ratio === null ? "" : ` (${row.ratio.toFixed(2)})`;
  return [
    ...text(left - 10, middle + 4, row.peer, { size: 12, anchor: "end", ...(isOurs ? { weight: "bold" } : {}) }),
    svgElement("rect", { ...frame, fill: isOurs ? OURS_COLOUR : PEER_COLOUR }),
    svgElement("line", { ...spread, stroke: INK, "stroke-width": 1.5 }),
    ...text(left + length(row.max) + 8, middle + 4, `${row.median.toFixed(2)} s${ratio}`, { size: 12 }),
  ];
}

interface Type {
  readonly size: number;
  readonly weight?: string;
  readonly anchor?: string;
}

function text(x: number, y: number, content: string, { size, weight = "normal", anchor = "start" }: Type): string[] {
  const attributes = { x, y, "font-size": size, "font-weight": weight, "text-anchor": anchor, fill: INK };
  return [svgElement("text", attributes, [svgText(content)])];
}
