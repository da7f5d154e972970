import { describe, expect, it } from "vitest";
import { LayerfsError } from "../../core/errors.ts";
import { parseRetryAfter, passing, type RetryEvent, type RetryPolicy, retrying } from "./retry.ts";

const POLICY: RetryPolicy = { attempts: 4, firstWait: 4, longestWait: 8, longestRetryAfter: 1000 };
const failure = (retryAfter?: number): LayerfsError => passing(new LayerfsError("REGISTRY", "it hung up"), retryAfter);

describe("a request that fails for a passing reason", () => {
  it("is repeated, and each repetition is told", async () => {
    const events: RetryEvent[] = [];
    let attempts = 0;
    const result = await retrying(POLICY, { registry: "r", onRetry: (event) => events.push(event) }, async () => {
      attempts += 1;
      if (attempts < 3) throw failure(attempts === 2 ? 5 : undefined);
      return "done";
    });
    expect(result).toBe("done");
    expect(events).toMatchObject([
      { registry: "r", reason: "it hung up", asked: false, attempt: 1, attempts: 4 },
      { registry: "r", reason: "it hung up", asked: true, attempt: 2, attempts: 4 },
    ]);
    for (const { wait } of events) expect(wait).toBeGreaterThanOrEqual(2);
  });

  it("is given up after so many attempts, with its own code", async () => {
    let attempts = 0;
    const request = retrying(POLICY, { registry: "r" }, async () => {
      attempts += 1;
      throw failure();
    });
    await expect(request).rejects.toMatchObject({ code: "REGISTRY", message: "it hung up; gave up after 4 attempts" });
    expect(attempts).toBe(4);
  });

  it("is not waited for longer than is bearable", async () => {
    const request = retrying(POLICY, { registry: "r" }, async () => {
      throw failure(90_000);
    });
    await expect(request).rejects.toThrow("it hung up; it asks to come back in 90 seconds");
  });

  it("is not repeated once it is cancelled, also in the midst of a wait", async () => {
    const controller = new AbortController();
    const request = retrying(
      { ...POLICY, firstWait: 60_000, longestWait: 60_000 },
      { registry: "r", signal: controller.signal, onRetry: () => controller.abort() },
      async () => {
        throw failure();
      },
    );
    await expect(request).rejects.toMatchObject({ code: "CANCELLED" });
  });
});

it("does not repeat what fails for good", async () => {
  let attempts = 0;
  const request = retrying(POLICY, { registry: "r" }, async () => {
    attempts += 1;
    throw new LayerfsError("NOT_FOUND", "nothing there");
  });
  await expect(request).rejects.toMatchObject({ code: "NOT_FOUND", message: "nothing there" });
  expect(attempts).toBe(1);
});

it.each([
  [undefined, null],
  ["3", 3000],
  [" 0 ", 0],
  ["-1", null],
  ["soon", null],
  ["1e3", null],
  ["Thu, 01 Jan 1970 00:01:00 GMT", 59_000],
  ["Thu, 01 Jan 1970 00:00:00 GMT", 0],
] as const)("reads Retry-After: %s", (value, expected) => {
  expect(parseRetryAfter(value, 1000)).toBe(expected);
});
