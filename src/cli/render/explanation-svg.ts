import { basename } from "node:path";
import type { Explanation, LayerSummary, PathExplanation, PathStepSummary } from "../../engine/explain/explanation.ts";
import { renderFacts, renderUsers } from "./explanation.ts";
import { renderInstruction, shorten } from "./instruction.ts";
import { renderEffect, verdict } from "./path-explanation.ts";
import { humanSize } from "./size.ts";
import { svgElement, svgPicture, svgText } from "./svg.ts";

const WIDTH = 960;
const MARGIN = 24;
const INNER = WIDTH - 2 * MARGIN;
const GAP = 10;
const LINE = 17;
/** As much of a command in the small fixed-width type as fits into a box. */
const COMMAND_LINE = /.{1,121}(?:[:, ]|$)|.{1,122}/gsu;
const SIZE_BAR = 150;
const INK = "#1f2933";
const FAINT = "#6b7785";
const MONO = "DejaVu Sans Mono, Menlo, monospace";
const COLOURS = {
  own: { fill: "#eef4fb", stroke: "#7fa8d4", accent: "#2f6db3" },
  shared: { fill: "#eef8f0", stroke: "#83bf93", accent: "#2c7a45" },
  lost: { fill: "#fdeeee", stroke: "#d99090", accent: "#b33a3a" },
  idle: { fill: "#f6f7f9", stroke: "#ccd3db", accent: "#6b7785" },
} as const;

type Colours = (typeof COLOURS)[keyof typeof COLOURS];

/** The stack of layers as a picture, the topmost first; the same bytes for the same explanation. */
export function renderExplanationSVG(explanation: Explanation): string {
  const { layers, path, names, id } = explanation;
  const title = names[0] ?? "<none>";
  const largest = Math.max(1, ...layers.map(sizeOf));
  const parts = [
    ...label(MARGIN, 44, shorten(names.length === 0 ? title : names.join(", "), 60), { size: 22, weight: "bold" }),
    ...mono(MARGIN, 68, `image id  ${id}`),
    ...label(
      MARGIN,
      90,
      shorten(renderFacts(explanation, explanation.created?.slice(0, 10) ?? "at an unknown time"), 120),
      { size: 12, fill: FAINT },
    ),
  ];
  let y = 106;
  for (const manifest of explanation.manifests) {
    parts.push(...mono(MARGIN, y + 4, `manifest  ${manifest}`));
    y += LINE;
  }
  if (path !== null) {
    parts.push(...label(MARGIN, y + 16, shorten(verdict(path), 100), { size: 15, weight: "bold" }));
    y += 32;
  }
  for (const [index, layer] of [...layers.entries()].reverse()) {
    const box = layerBox({ layer, index, largest, step: path?.steps[index], isShown: path?.layer === index }, y);
    parts.push(...box.parts);
    y += box.height + GAP;
  }
  const foot = mountBox(explanation, path, y + 6);
  return svgPicture({ width: WIDTH, height: y + 6 + foot.height + MARGIN }, `Layers of ${title}`, [
    ...parts,
    ...foot.parts,
  ]);
}

interface Box {
  readonly parts: readonly string[];
  readonly height: number;
}

interface LayerInStack {
  readonly layer: LayerSummary;
  readonly index: number;
  readonly largest: number;
  /** What it does to the path that was asked for. */
  readonly step: PathStepSummary | undefined;
  readonly isShown: boolean;
}

function layerBox({ layer, index, largest, step, isShown }: LayerInStack, y: number): Box {
  const colours = coloursOf(layer, step);
  const facts = factsOf(layer, step);
  const effect = step === undefined ? [] : [renderEffect(step)];
  const factsTop = y + 44 + effect.length * LINE;
  const height = 44 + (effect.length + facts.length) * LINE;
  const right = WIDTH - MARGIN - 14;
  const bar = Math.max(2, Math.round((sizeOf(layer) / largest) * SIZE_BAR));
  const frame = { x: MARGIN, y, width: INNER, height, rx: 7, fill: colours.fill, stroke: colours.stroke };
  return {
    height,
    parts: [
      svgElement("rect", { ...frame, "stroke-width": isShown ? 3 : 1 }),
      svgElement("rect", { x: MARGIN, y, width: 34, height, rx: 7, fill: colours.accent }),
      ...label(MARGIN + 17, y + 24, String(index + 1), { size: 14, weight: "bold", fill: "#ffffff", anchor: "middle" }),
      ...label(MARGIN + 46, y + 24, renderInstruction(layer.createdBy, 78), { size: 13.5, weight: "bold" }),
      svgElement("rect", { x: right - bar, y: y + 31, width: bar, height: 4, rx: 2, fill: colours.accent }),
      ...label(right, y + 24, sizeText(layer), { size: 13, weight: "bold", anchor: "end" }),
      ...effect.flatMap((text) =>
        label(MARGIN + 46, y + 46, shorten(text, 110), { size: 12.5, weight: "bold", fill: colours.accent }),
      ),
      ...facts.flatMap(([name, value], line) => [
        ...label(MARGIN + 46, factsTop + 4 + line * LINE, name, { size: 11, fill: FAINT }),
        ...mono(MARGIN + 122, factsTop + 4 + line * LINE, shortenMiddle(value, 112)),
      ]),
    ],
  };
}

function coloursOf(layer: LayerSummary, step: PathStepSummary | undefined): Colours {
  if (step === undefined) return layer.sharedWith.length > 0 ? COLOURS.shared : COLOURS.own;
  if (step.effect === "untouched") return COLOURS.idle;
  return step.node === null ? COLOURS.lost : COLOURS.own;
}

/** The digests and places; of a layer that does nothing to the path that was asked for none. */
function factsOf(layer: LayerSummary, step: PathStepSummary | undefined): (readonly [string, string])[] {
  if (step?.effect === "untouched") return [];
  const place = layer.cacheID === null ? [] : [["directory", layer.directory ?? "(missing)"] as const];
  const link = layer.link === null ? [] : [["link", layer.link] as const];
  const shared = layer.sharedWith.length === 0 ? [] : [["shared with", renderUsers(layer.sharedWith)] as const];
  return [["diffID", layer.diffID], ["chainID", layer.chainID], ...place, ...link, ...shared];
}

/** The command that joins the layers, broken after a separator: it is one long word. */
function mountBox(
  { mountCommand, shortMountCommand, driver }: Explanation,
  path: PathExplanation | null,
  y: number,
): Box {
  const command = shortMountCommand ?? mountCommand;
  if (command === null || path !== null) return { parts: [], height: 0 };
  const lines = command.match(COMMAND_LINE) ?? [];
  const height = 36 + lines.length * LINE;
  const frame = { x: MARGIN, y, width: INNER, height, rx: 7, fill: "#272e38" };
  return {
    height,
    parts: [
      svgElement("rect", frame),
      ...label(MARGIN + 14, y + 21, `joined by ${basename(driver ?? "")}`, { size: 11, fill: "#aeb8c4" }),
      ...lines.flatMap((line, index) => mono(MARGIN + 14, y + 42 + index * LINE, line, "#f0f3f6")),
    ],
  };
}

interface Type {
  readonly size: number;
  readonly weight?: string;
  readonly fill?: string;
  readonly anchor?: string;
}

function label(x: number, y: number, text: string, { size, weight, fill = INK, anchor }: Type): string[] {
  const optional = {
    ...(weight === undefined ? {} : { "font-weight": weight }),
    ...(anchor === undefined ? {} : { "text-anchor": anchor }),
  };
  return [svgElement("text", { x, y, "font-size": size, fill, ...optional }, [svgText(text)])];
}

function mono(x: number, y: number, text: string, fill: string = INK): string[] {
  const attributes = { x, y, "font-size": 11, fill, "font-family": MONO, "xml:space": "preserve" };
  return [svgElement("text", attributes, [svgText(text)])];
}

function sizeOf(layer: LayerSummary): number {
  return layer.size ?? layer.storedSize ?? 0;
}

function sizeText(layer: LayerSummary): string {
  return `${humanSize(sizeOf(layer))}${layer.size === null ? " stored" : ""}`;
}

function shortenMiddle(text: string, width: number): string {
  const half = Math.floor((width - 1) / 2);
  return text.length <= width ? text : `${text.slice(0, half)}…${text.slice(-half)}`;
}
