import { PassThrough, Readable } from "node:stream";
import { setImmediate } from "node:timers/promises";
import { describe, expect, it } from "vitest";
import { cancellable, orCancelled, throwIfCancelled } from "./cancellation.ts";

const CANCELLED = expect.objectContaining({ code: "CANCELLED" });

async function collect<T>(source: AsyncIterable<T>): Promise<T[]> {
  const items: T[] = [];
  for await (const item of source) items.push(item);
  return items;
}

describe("cancellable", () => {
  it.each([undefined, new AbortController().signal])("passes all items on where nothing is aborted", async (signal) => {
    expect(await collect(cancellable(Readable.from([1, 2, 3]), signal))).toEqual([1, 2, 3]);
  });

  it("does not start where the signal is aborted already", async () => {
    await expect(collect(cancellable(Readable.from([1]), AbortSignal.abort()))).rejects.toEqual(CANCELLED);
  });

  it("breaks off a source that never gives anything, and destroys it", async () => {
    const [silent, controller] = [new PassThrough(), new AbortController()];
    const result = collect(cancellable(silent, controller.signal));
    controller.abort();
    await expect(result).rejects.toEqual(CANCELLED);
    await setImmediate();
    expect(silent.destroyed).toBe(true);
  });

  it("sees an abort that comes between two items", async () => {
    const controller = new AbortController();
    const items = cancellable(Readable.from([1, 2]), controller.signal);
    expect((await items.next()).value).toBe(1);
    controller.abort();
    await expect(items.next()).rejects.toEqual(CANCELLED);
  });

  it("passes the source's own failure on", async () => {
    const failing = Readable.from(failingItems());
    await expect(collect(cancellable(failing, new AbortController().signal))).rejects.toThrow("broken");
  });

  it("stops the source where its reader stops early", async () => {
    const source = Readable.from([1, 2, 3]);
    for await (const _ of cancellable(source, new AbortController().signal)) break;
    await setImmediate();
    expect(source.destroyed).toBe(true);
  });
});

it("fails by the signal's state", () => {
  expect(() => throwIfCancelled(undefined)).not.toThrow();
  expect(() => throwIfCancelled(new AbortController().signal)).not.toThrow();
  expect(() => throwIfCancelled(AbortSignal.abort())).toThrow(CANCELLED);
});

async function* failingItems(): AsyncGenerator<number> {
  yield 1;
  throw new Error("broken");
}

describe("orCancelled", () => {
  it("leaves no rejection unhandled of what it was given after the abort", async () => {
    const unhandled: unknown[] = [];
    const note = (reason: unknown): void => void unhandled.push(reason);
    process.on("unhandledRejection", note);
    const failing = Promise.reject(new Error("nobody waits for this"));
    await expect(orCancelled(failing, AbortSignal.abort())).rejects.toEqual(CANCELLED);
    await setImmediate();
    process.off("unhandledRejection", note);
    expect(unhandled).toEqual([]);
  });
});
