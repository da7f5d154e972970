import type { HistoryEntry } from "../../core/config.ts";

/** The history entries that made a layer, lowest first. */
export function layerMakers(history: readonly HistoryEntry[]): HistoryEntry[] {
  return history.filter(({ emptyLayer }) => !emptyLayer);
}
