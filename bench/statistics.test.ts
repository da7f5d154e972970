import { describe, expect, it } from "vitest";
import { median, summarise } from "./statistics.ts";

describe("median", () => {
  it.each([
    [[3], 3],
    [[10, 9, 2], 9],
    [[4, 1, 3, 2], 2.5],
    [[], Number.NaN],
  ])("of %j is %d", (values, expected) => {
    expect(median(values)).toBe(expected);
  });
});

describe("summarise", () => {
  it("takes the medians of the times and the highest memory", () => {
    const samples = [5, 1, 3].map((seconds) => ({
      seconds,
      userSeconds: seconds * 2,
      systemSeconds: seconds / 2,
      peakBytes: seconds * 100,
      writtenBytes: seconds * 10,
    }));
    expect(summarise(samples)).toEqual({
      runs: 3,
      median: 3,
      min: 1,
      max: 5,
      userSeconds: 6,
      systemSeconds: 1.5,
      peakBytes: 500,
      writtenBytes: 30,
    });
  });
});
