/** Runs what it is given, in order, but never more than so many at the same time. */
export type Slots = <T>(act: () => Promise<T>) => Promise<T>;

export function slots(count: number): Slots {
  const waiting: (() => void)[] = [];
  let free = count;
  return async (act) => {
    if (free > 0) free--;
    else await new Promise<void>((resolve) => waiting.push(resolve));
    try {
      return await act();
    } finally {
      const next = waiting.shift();
      if (next === undefined) free++;
      else next();
    }
  };
}
