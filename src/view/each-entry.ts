import { setImmediate } from "node:timers/promises";
import { throwIfCancelled } from "../core/cancellation.ts";
import type { LayerEntries, LayerEntry } from "./merged-tree.ts";

/** Entries that are handed over before other work of the thread has its turn: reading further layers, say. */
const AT_A_TIME = 128;

/** Hands over the entries of a layer one by one. CANCELLED, where they are there at once, as soon as the signal is aborted. */
export async function eachEntry(
  entries: LayerEntries,
  signal: AbortSignal | undefined,
  take: (entry: LayerEntry) => void,
): Promise<void> {
  if (Symbol.asyncIterator in entries) {
    for await (const entry of entries) take(entry);
    return;
  }
  // Without this distinction each entry would wait for a turn of the microtask queue, and nothing else would have one.
  let left = AT_A_TIME;
  for (const entry of entries) {
    take(entry);
    if (--left > 0) continue;
    left = AT_A_TIME;
    throwIfCancelled(signal);
    await setImmediate();
  }
}
