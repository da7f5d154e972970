import { setImmediate } from "node:timers/promises";
import { LayerfsError } from "../core/errors.ts";

/** Synchronous work that can be interrupted at each `yield`. */
export type Steps = Generator<void, void, void>;

/** Longest time in milliseconds that the work keeps the thread, but for a single step. */
const SLICE = 8;

export function runToEnd(steps: Steps): void {
  while (!steps.next().done);
}

/** Runs the work in slices, so that timers and sockets of the thread are served between them. CANCELLED by `signal`. */
export async function runInSlices(steps: Steps, signal?: AbortSignal): Promise<void> {
  try {
    for (let done = false; !done; ) {
      if (signal?.aborted) throw new LayerfsError("CANCELLED", "the work was cancelled", { cause: signal.reason });
      done = runSlice(steps);
      if (!done) await setImmediate();
    }
  } finally {
    steps.return();
  }
}

function runSlice(steps: Steps): boolean {
  const end = performance.now() + SLICE;
  while (performance.now() < end) {
    if (steps.next().done) return true;
  }
  return false;
}
