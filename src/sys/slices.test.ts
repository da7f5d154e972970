import { describe, expect, it } from "vitest";
import { runInSlices, runToEnd, type Steps } from "./slices.ts";

function* busySteps(milliseconds: number, log: string[]): Steps {
  const end = performance.now() + milliseconds;
  try {
    while (performance.now() < end) yield;
    log.push("done");
  } finally {
    log.push("closed");
  }
}

describe("work in steps", () => {
  it("runs to its end at once", () => {
    const log: string[] = [];
    runToEnd(busySteps(5, log));
    expect(log).toEqual(["done", "closed"]);
  });

  it("lets timers run between its slices", async () => {
    const log: string[] = [];
    setTimeout(() => log.push("timer"), 1);
    await runInSlices(busySteps(50, log));
    expect(log).toEqual(["timer", "done", "closed"]);
  });

  it("is closed when its signal is aborted", async () => {
    const log: string[] = [];
    await expect(runInSlices(busySteps(10_000, log), AbortSignal.timeout(30))).rejects.toMatchObject({
      code: "CANCELLED",
    });
    expect(log).toEqual(["closed"]);
  });
});
