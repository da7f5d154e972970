/*
 * All of a command's users wait for what it loads, though it needs little of it: a module is loaded when a function of
 * it is first called.
 */

type AnyFunction = (...parameters: never[]) => unknown;

/** What `later` makes of a function. */
export type Later<F extends AnyFunction> = (...parameters: Parameters<F>) => Promise<Awaited<ReturnType<F>>>;

/** What `laterStream` makes of a function. */
export type LaterStream<F extends AnyFunction> = (
  ...parameters: Parameters<F>
) => AsyncGenerator<ReturnType<F> extends AsyncIterable<infer T> ? T : never>;

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
