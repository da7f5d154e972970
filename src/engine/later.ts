/*
 * All of a command's users wait for what it loads, though it needs little of it: a module is loaded when a function of
 * it is first called.
 */

/** The function that `load` gives, which is loaded at its first call. */
export function later<A extends unknown[], R>(
  load: () => Promise<(...parameters: A) => R | Promise<R>>,
): (...parameters: A) => Promise<R> {
  return async (...parameters) => {
    const task = await load();
    return await task(...parameters);
  };
}

/** The same for what gives its result piece by piece. */
export function laterStream<A extends unknown[], T>(
  load: () => Promise<(...parameters: A) => AsyncIterable<T>>,
): (...parameters: A) => AsyncGenerator<T> {
  return async function* (...parameters) {
    const task = await load();
    yield* task(...parameters);
  };
}
