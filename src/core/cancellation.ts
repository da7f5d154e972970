import { LayerfsError } from "./errors.ts";

/** Fails with CANCELLED if the caller's signal was aborted. */
export function throwIfCancelled(signal: AbortSignal | undefined): void {
  if (signal?.aborted) throw cancelled(signal);
}

/** What the promise gives, or CANCELLED as soon as the signal is aborted; what it stands for is not stopped by that. */
export async function orCancelled<T>(promise: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  promise.catch(() => {}); // its failure is told below, unless the abort came first
  throwIfCancelled(signal);
  if (signal === undefined) return await promise;
  const { promise: aborted, reject } = Promise.withResolvers<never>();
  const onAbort = (): void => reject(cancelled(signal));
  signal.addEventListener("abort", onAbort, { once: true });
  try {
    return await Promise.race([promise, aborted]);
  } finally {
    signal.removeEventListener("abort", onAbort);
  }
}

/**
 * The same items, until the signal is aborted: then it fails with CANCELLED at once, even while the source has nothing
 * to give, such as a terminal or a stalled download. The source is told to stop, but not waited for.
 */
export async function* cancellable<T>(source: AsyncIterable<T>, signal: AbortSignal | undefined): AsyncGenerator<T> {
  throwIfCancelled(signal);
  if (signal === undefined) {
    yield* source;
    return;
  }
  const { promise: aborted, reject } = Promise.withResolvers<never>();
  aborted.catch(() => {}); // an abort that comes while nobody waits is seen at the next race
  const onAbort = (): void => reject(cancelled(signal));
  signal.addEventListener("abort", onAbort, { once: true });
  const iterator = source[Symbol.asyncIterator]();
  let isRunning = true;
  try {
    while (true) {
      const result = await Promise.race([aborted, iterator.next()]);
      if (result.done === true) break;
      yield result.value;
    }
    isRunning = false;
  } finally {
    signal.removeEventListener("abort", onAbort);
    if (isRunning) stop(source, iterator, signal);
  }
}

function stop<T>(source: AsyncIterable<T>, iterator: AsyncIterator<T>, signal: AbortSignal): void {
  // A stream's iterator ends only after the item that it waits for: what may never come is broken off by destroy().
  if (signal.aborted && "destroy" in source && typeof source.destroy === "function") source.destroy();
  iterator.return?.().catch(() => {}); // the caller already gets a failure, or wants no more
}

function cancelled(signal: AbortSignal): LayerfsError {
  return new LayerfsError("CANCELLED", "the operation was cancelled", { cause: signal.reason });
}
