import type { ProgressEvent } from "../../engine/engine.ts";
import type { OutputStream } from "../context.ts";
import { type LayerProgress, renderLayer, renderTotal, trackLayers } from "./layer-progress.ts";

export interface ProgressDisplay {
  readonly update: (event: ProgressEvent) => void;
  /** Takes away what was drawn, until the next event: something else is to be written. */
  readonly hide: () => void;
  /** Takes away what was drawn. Later events draw nothing. */
  readonly stop: () => void;
}

const REDRAW_INTERVAL_MS = 100;

/**
 * Draws a line for each layer at work on the terminal `stream`, at most ten times a second, and one for all of them
 * where they come from a registry. `now` is in milliseconds. A terminal that does not know its size, and says 0, is
 * taken for one of 80 columns and 24 rows.
 */
export function terminalProgress(stream: OutputStream, now: () => number): ProgressDisplay {
  const layers = trackLayers(now);
  let drawnLines = 0;
  let timer: NodeJS.Timeout | undefined;

  const redraw = (lines: readonly string[]): void => {
    clearTimeout(timer);
    timer = undefined;
    const erase = drawnLines === 0 ? "" : `\x1b[${drawnLines}A\x1b[J`;
    const text = `${erase}${lines.map((line) => `${line}\n`).join("")}`;
    drawnLines = lines.length;
    if (text !== "") stream.write(text);
  };
  const draw = (): void => redraw(render(layers.atWork(), layers.all(), now(), stream));
  return {
    update(event) {
      layers.update(event);
      timer ??= setTimeout(draw, REDRAW_INTERVAL_MS).unref();
    },
    hide: () => redraw([]),
    stop() {
      layers.clear();
      redraw([]);
    },
  };
}

/** What stands in for a display where nothing shall be drawn. */
export const noProgress: ProgressDisplay = { update: () => {}, hide: () => {}, stop: () => {} };

/** As many lines as the terminal can hold, none so long that it would wrap: what is drawn must be erasable. */
function render(
  atWork: readonly LayerProgress[],
  all: readonly LayerProgress[],
  now: number,
  { columns, rows }: OutputStream,
): string[] {
  const total = renderTotal(all, now);
  const room = Math.max(1, (rows || 24) - 1 - (total === null ? 0 : 1));
  const lines = atWork.slice(0, room).map((layer) => renderLayer(layer, now));
  if (total !== null) lines.push(total);
  return lines.map((line) => line.slice(0, (columns || 80) - 1));
}
