import { describe, expect, it } from "vitest";
import { humanAge, shortTime } from "./duration.ts";

const NOW = Date.parse("2026-01-15T00:00:00Z");
const HOUR = 3600;
const DAY = 24 * HOUR;

describe("humanAge", () => {
  it.each([
    [-5, "Less than a second ago"],
    [0, "Less than a second ago"],
    [1, "1 second ago"],
    [59, "59 seconds ago"],
    [60, "About a minute ago"],
    [59 * 60, "59 minutes ago"],
    [HOUR, "About an hour ago"],
    [1.6 * HOUR, "2 hours ago"],
    [47 * HOUR, "47 hours ago"],
    [48 * HOUR, "2 days ago"],
    [13 * DAY, "13 days ago"],
    [14 * DAY, "2 weeks ago"],
    [60 * DAY, "2 months ago"],
    [730 * DAY, "2 years ago"],
  ])("tells what was %d seconds ago as %s", (seconds, expected) => {
    expect(humanAge(new Date(NOW - seconds * 1000).toISOString(), NOW)).toBe(expected);
  });

  it.each([null, "yesterday", "0001-01-01T00:00:00Z"])("has no words for %s", (created) => {
    expect(humanAge(created, NOW)).toBe("N/A");
  });
});

describe("shortTime", () => {
  it.each([
    [0.2, "1s"],
    [59, "59s"],
    [60, "1m00s"],
    [200, "3m20s"],
    [7500, "2h05m"],
  ])("writes %d seconds as %s", (seconds, expected) => {
    expect(shortTime(seconds)).toBe(expected);
  });
});
