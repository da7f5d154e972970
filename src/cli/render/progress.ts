import type { ProgressEvent } from "../../engine/engine.ts";
import type { OutputStream } from "../context.ts";
import { humanSize } from "./size.ts";

export interface ProgressDisplay {
  readonly update: (event: ProgressEvent) => void;
  /** Takes away what was drawn. Later events draw nothing. */
  readonly stop: () => void;
}

interface LayerProgress {
  readonly total: number;
  readonly startedAt: number;
  read: number;
}

const REDRAW_INTERVAL_MS = 100;
const BAR_WIDTH = 30;
const SHORT_DIGEST = "sha256:".length + 12;

/**
 * Draws a line for each layer at work on the terminal `stream`, at most ten times a second. `now` is in milliseconds.
 * A terminal that does not know its size, and says 0, is taken for one of 80 columns and 24 rows.
 */
export function terminalProgress(stream: OutputStream, now: () => number): ProgressDisplay {
  const layers = new Map<string, LayerProgress>();
  let drawnLines = 0;
  let timer: NodeJS.Timeout | undefined;

  const erase = (): string => (drawnLines === 0 ? "" : `\x1b[${drawnLines}A\x1b[J`);
  const draw = (): void => {
    timer = undefined;
    const lines = renderLayers(layers, now(), stream.columns || 80, stream.rows || 24);
    const text = `${erase()}${lines.map((line) => `${line}\n`).join("")}`;
    drawnLines = lines.length;
    if (text !== "") stream.write(text);
  };
  return {
    update(event) {
      apply(layers, event, now());
      timer ??= setTimeout(draw, REDRAW_INTERVAL_MS).unref();
    },
    stop() {
      clearTimeout(timer);
      layers.clear();
      draw();
    },
  };
}

/** What stands in for a display where nothing shall be drawn. */
export const noProgress: ProgressDisplay = { update: () => {}, stop: () => {} };

function apply(layers: Map<string, LayerProgress>, event: ProgressEvent, now: number): void {
  if (event.type === "pull-start") return;
  if (event.type === "layer-start") layers.set(event.layer, { total: event.total, startedAt: now, read: 0 });
  if (event.type === "layer-done" || event.type === "layer-exists") layers.delete(event.layer);
  const layer = layers.get(event.layer);
  if (event.type === "layer-progress" && layer !== undefined) layer.read += event.bytes;
}

/** As many lines as the terminal can hold, none so long that it would wrap: what is drawn must be erasable. */
function renderLayers(
  layers: ReadonlyMap<string, LayerProgress>,
  now: number,
  columns: number,
  rows: number,
): string[] {
  return [...layers]
    .slice(0, Math.max(1, rows - 1))
    .map(([digest, layer]) => `${digest.slice(0, SHORT_DIGEST)} ${renderLayer(layer, now)}`.slice(0, columns - 1));
}

function renderLayer({ total, read, startedAt }: LayerProgress, now: number): string {
  const done = total > 0 ? Math.min(1, read / total) : 0;
  const filled = Math.round(done * BAR_WIDTH);
  const bar = `${"=".repeat(filled)}${filled < BAR_WIDTH ? ">" : ""}`.padEnd(BAR_WIDTH);
  const seconds = (now - startedAt) / 1000;
  const rate = seconds > 0 ? `  ${humanSize(read / seconds)}/s` : "";
  return `[${bar}] ${humanSize(read)}/${humanSize(total)}${rate}`;
}
