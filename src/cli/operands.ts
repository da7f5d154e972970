/** What became of the operands of a command that takes several and goes on after a failure, as Docker's do. */
export interface Outcome<T> {
  readonly results: readonly T[];
  readonly failures: readonly unknown[];
}

/** One after another; an aborted signal ends it before the next one. */
export async function forEachOperand<T>(
  operands: readonly string[],
  signal: AbortSignal,
  run: (operand: string) => Promise<T>,
): Promise<Outcome<T>> {
  const results: T[] = [];
  const failures: unknown[] = [];
  for (const operand of operands) {
    try {
      signal.throwIfAborted();
      results.push(await run(operand));
    } catch (error) {
      failures.push(error);
      if (signal.aborted) break;
    }
  }
  return { results, failures };
}

/** Throws the one failure, or all of them as an AggregateError; call it after the results are printed. */
export function throwFailures(failures: readonly unknown[]): void {
  if (failures.length > 1) throw new AggregateError(failures);
  if (failures.length === 1) throw failures[0];
}
