import { constants } from "node:os";
import { LayerfsError } from "../core/errors.ts";

type InterruptingSignal = "SIGINT" | "SIGTERM";

/** Why the command's signal was aborted. */
export class Interruption extends LayerfsError {
  /** 128 and the signal's number, as a shell reports a program that died of it: 130 or 143. */
  readonly exitStatus: number;

  constructor(signal: InterruptingSignal) {
    super("CANCELLED", "cancelled");
    this.exitStatus = 128 + constants.signals[signal];
  }
}

/** Aborts at the first SIGINT or SIGTERM of this process; the second one of a kind ends it at once. */
export function interruptSignal(): AbortSignal {
  const controller = new AbortController();
  for (const signal of ["SIGINT", "SIGTERM"] as const) {
    process.once(signal, () => controller.abort(new Interruption(signal)));
  }
  return controller.signal;
}

/** As `untilAborted` for what comes piece by piece. */
export async function* piecesUntilAborted<T>(pieces: AsyncIterable<T>, signal: AbortSignal): AsyncGenerator<T> {
  const iterator = pieces[Symbol.asyncIterator]();
  for (;;) {
    const next = await untilAborted(iterator.next(), signal);
    if (next.done) return;
    let isLast = true;
    try {
      yield next.value;
      isLast = false;
    } finally {
      if (isLast) await iterator.return?.();
    }
  }
}

/** The promise's result, or a failure with the signal's reason as soon as it is aborted. For work that changes nothing. */
export async function untilAborted<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  signal.throwIfAborted();
  const aborted = Promise.withResolvers<never>();
  const abort = (): void => aborted.reject(signal.reason);
  signal.addEventListener("abort", abort, { once: true });
  try {
    return await Promise.race([promise, aborted.promise]);
  } finally {
    signal.removeEventListener("abort", abort);
  }
}
