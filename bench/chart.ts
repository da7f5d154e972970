import { svgElement, svgPicture, svgText } from "../src/cli/render/svg.ts";

export interface BarChart {
  readonly title: string;
  /** What the bars mean. */
  readonly note: string;
  readonly groups: readonly BarGroup[];
  /** Room for the bars' labels, in pixels. Default: 120. */
  readonly labelWidth?: number;
  /** Room behind the longest bar, in pixels. Default: 150. */
  readonly noteWidth?: number;
  /** How the median is written. Default: as seconds. */
  readonly format?: (median: number) => string;
}

export interface BarGroup {
  readonly title: string;
  readonly bars: readonly Bar[];
}

/** All in one unit: the bar is as long as the median, a thin line goes from `min` to `max`. */
export interface Bar {
  readonly label: string;
  readonly median: number;
  readonly min: number;
  readonly max: number;
  /** What stands behind the median. */
  readonly note: string;
  readonly isOurs: boolean;
}

const WIDTH = 860;
const ROW = 24;
const OURS_COLOUR = "#2f6db3";
const PEER_COLOUR = "#b4becb";
const INK = "#1f2933";

/** The slowest bar of each group is as long as there is room. */
export function barChart({
  title,
  note,
  groups,
  labelWidth = 120,
  noteWidth = 150,
  format = seconds,
}: BarChart): string {
  const parts = text(24, 36, title, { size: 18, weight: "bold" });
  parts.push(...text(24, 56, note, { size: 12 }));
  let y = 84;
  for (const group of groups) {
    parts.push(...text(24, y + 4, group.title, { size: 13, weight: "bold" }));
    const longest = Math.max(...group.bars.map(({ max }) => max));
    for (const [index, row] of group.bars.entries()) {
      const place = {
        left: 24 + labelWidth,
        y: y + 14 + index * ROW,
        width: WIDTH - labelWidth - noteWidth,
        longest,
        format,
      };
      parts.push(...bar(row, place));
    }
    y += 14 + group.bars.length * ROW + 24;
  }
  return svgPicture({ width: WIDTH, height: y }, title, parts);
}

function seconds(median: number): string {
  return `${median.toFixed(2)} s`;
}

interface Place {
  readonly left: number;
  readonly y: number;
  /** Pixels for `longest`. */
  readonly width: number;
  readonly longest: number;
  readonly format: (median: number) => string;
}

function bar(row: Bar, { left, y, width, longest, format }: Place): string[] {
  const length = (value: number): number => Math.round((value / longest) * width);
  const middle = y + ROW / 2 - 2;
  const spread = { x1: left + length(row.min), x2: left + length(row.max), y1: middle, y2: middle };
  const frame = { x: left, y: y + 2, width: Math.max(1, length(row.median)), height: ROW - 8, rx: 2 };
  return [
    ...text(left - 10, middle + 4, row.label, { size: 12, anchor: "end", ...(row.isOurs ? { weight: "bold" } : {}) }),
    svgElement("rect", { ...frame, fill: row.isOurs ? OURS_COLOUR : PEER_COLOUR }),
    svgElement("line", { ...spread, stroke: INK, "stroke-width": 1.5 }),
    ...text(left + length(row.max) + 8, middle + 4, `${format(row.median)}${row.note}`, { size: 12 }),
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
