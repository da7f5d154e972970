/** Runs what it is given, some at once; the others wait in order. */
export type Limit = <T>(act: () => Promise<T>) => Promise<T>;

export function limitOf(atOnce: number): Limit {
  const waiting: (() => void)[] = [];
  let running = 0;
  return async (act) => {
    if (running < atOnce) running++;
    else await new Promise<void>((resolve) => waiting.push(resolve));
    try {
      return await act();
    } finally {
      const next = waiting.shift();
      if (next === undefined) running--;
      else next();
    }
  };
}
