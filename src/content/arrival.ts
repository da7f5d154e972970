/**
 * How many bytes of a file that grows have arrived, in memory that threads share. Whoever makes one ends it at last,
 * by `endArrival` or `failArrival`, so that nobody waits for ever.
 */
export type Arrival = SharedArrayBuffer;

/** Cells of 64 bits. VERSION changes with every change of the others, and is what readers wait on. STATE begins with 0. */
const VERSION = 0;
const BYTES = 1;
const STATE = 2;

const ENDED = 1n;
const FAILED = 2n;

export function makeArrival(): Arrival {
  return new SharedArrayBuffer(3 * BigInt64Array.BYTES_PER_ELEMENT);
}

/** `total` bytes from the file's start can be read from now on. */
export function tellArrived(arrival: Arrival, total: number): void {
  change(arrival, BYTES, BigInt(total));
}

/** All bytes are there. */
export function endArrival(arrival: Arrival): void {
  change(arrival, STATE, ENDED);
}

/** No more bytes will come. */
export function failArrival(arrival: Arrival): void {
  change(arrival, STATE, FAILED);
}

/**
 * Resolves with true as soon as there are `wanted` bytes, or all that there will ever be; with false where no more will
 * come, or the signal was aborted.
 */
export async function waitForBytes(arrival: Arrival, wanted: number, signal: AbortSignal): Promise<boolean> {
  const cells = new BigInt64Array(arrival);
  const aborted = Promise.withResolvers<void>();
  const onAbort = (): void => aborted.resolve();
  signal.addEventListener("abort", onAbort, { once: true });
  try {
    for (;;) {
      const version = Atomics.load(cells, VERSION);
      const state = Atomics.load(cells, STATE);
      const bytes = Atomics.load(cells, BYTES);
      if (state === FAILED || signal.aborted) return false;
      if (bytes >= wanted || state === ENDED) return true;
      const waiting = Atomics.waitAsync(cells, VERSION, version);
      if (waiting.async) await Promise.race([waiting.value, aborted.promise]);
    }
  } finally {
    signal.removeEventListener("abort", onAbort);
  }
}

function change(arrival: Arrival, cell: number, value: bigint): void {
  const cells = new BigInt64Array(arrival);
  Atomics.store(cells, cell, value);
  Atomics.add(cells, VERSION, 1n);
  Atomics.notify(cells, VERSION);
}
