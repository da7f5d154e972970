import { setTimeout as sleep } from "node:timers/promises";
import { expect, it } from "vitest";
import { limitOf } from "./limit.ts";

it("runs no more at the same time than it may, in order, and goes on after a failure", async () => {
  const run = limitOf(2);
  const started: number[] = [];
  let running = 0;
  let most = 0;
  const results = await Promise.allSettled(
    [0, 1, 2, 3, 4].map((number) =>
      run(async () => {
        started.push(number);
        most = Math.max(most, ++running);
        await sleep(5);
        running--;
        if (number === 1) throw new Error("failed");
        return number;
      }),
    ),
  );
  expect(results.map(({ status }) => status)).toEqual(["fulfilled", "rejected", "fulfilled", "fulfilled", "fulfilled"]);
  expect(started).toEqual([0, 1, 2, 3, 4]);
  expect(most).toBe(2);
});
