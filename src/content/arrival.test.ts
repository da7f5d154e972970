import { once } from "node:events";
import { Worker } from "node:worker_threads";
import { describe, expect, it } from "vitest";
import { endArrival, failArrival, makeArrival, tellArrived, waitForBytes } from "./arrival.ts";

const never = new AbortController().signal;

describe("an arrival", () => {
  it("lets a reader wait until there are as many bytes as it wants", async () => {
    const arrival = makeArrival();
    const waiting = waitForBytes(arrival, 10, never);
    tellArrived(arrival, 9);
    expect(await isSettled(waiting)).toBe(false);
    tellArrived(arrival, 10);
    expect(await waiting).toBe(true);
    expect(await waitForBytes(arrival, 3, never)).toBe(true);
  });

  it("lets nobody wait for more once all are there", async () => {
    const arrival = makeArrival();
    const waiting = waitForBytes(arrival, 10, never);
    endArrival(arrival);
    expect(await waiting).toBe(true);
  });

  it("tells that no more will come", async () => {
    const arrival = makeArrival();
    const waiting = waitForBytes(arrival, 10, never);
    failArrival(arrival);
    expect(await waiting).toBe(false);
  });

  it("ends the waiting of a reader that gives up", async () => {
    const stop = new AbortController();
    const waiting = waitForBytes(makeArrival(), 1, stop.signal);
    stop.abort();
    expect(await waiting).toBe(false);
  });

  it("wakes a reader in another thread, and counts beyond 32 bits", async () => {
    const arrival = makeArrival();
    const worker = new Worker(new URL("../../test/support/arrival-reader.ts", import.meta.url), {
      workerData: { arrival, wanted: 2 ** 40 },
    });
    await once(worker, "message");
    tellArrived(arrival, 2 ** 32);
    const answer = once(worker, "message");
    tellArrived(arrival, 2 ** 40);
    expect(await answer).toEqual([true]);
    await once(worker, "exit");
  });
});

async function isSettled(promise: Promise<unknown>): Promise<boolean> {
  const other = Symbol();
  await new Promise((resolve) => setTimeout(resolve, 20));
  return (await Promise.race([promise, Promise.resolve(other)])) !== other;
}
