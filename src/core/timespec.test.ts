import { expect, it } from "vitest";
import { compareTimespec, goTime, parseRfc3339 } from "./timespec.ts";

it.each([
  ["1970-01-01T00:00:00Z", 0, 0],
  ["2015-10-31T22:22:56.015925234Z", 1446330176, 15925234],
  ["2015-10-31T23:22:56.5+01:00", 1446330176, 500000000],
  ["1969-12-31T23:59:59.25Z", -1, 250000000],
  ["0001-01-01T00:00:00Z", -62135596800, 0],
  ["2020-02-29T00:00:00.1234567899Z", 1582934400, 123456789],
])("reads %s", (text, seconds, nanoseconds) => {
  expect(parseRfc3339(text)).toEqual({ seconds, nanoseconds });
});

it.each([
  "",
  "today",
  "2015-10-31",
  "2015-10-31 22:22:56Z",
  "2015-02-30T00:00:00Z",
  "2015-13-01T00:00:00Z",
  "2015-01-01T24:00:00Z",
  "2015-01-01T00:00:00",
  "2015-01-01T00:00:00+24:00",
])("takes %j for no time", (text) => {
  expect(parseRfc3339(text)).toBeUndefined();
});

it("sorts by seconds, then by nanoseconds", () => {
  const times = [
    { seconds: 1, nanoseconds: 5 },
    { seconds: -1, nanoseconds: 9 },
    { seconds: 1, nanoseconds: 0 },
  ];
  expect(times.sort(compareTimespec).map((time) => time.nanoseconds)).toEqual([9, 0, 5]);
});

it.each([
  ["2026-01-02T03:04:05.120Z", "2026-01-02T03:04:05.12Z"],
  ["2026-01-02T03:04:05.000+01:00", "2026-01-02T03:04:05+01:00"],
  ["2026-01-02T03:04:10Z", "2026-01-02T03:04:10Z"],
])("goTime(%s) is %s", (time, expected) => {
  expect(goTime(time)).toBe(expected);
});
