import { describe, expect, it } from "vitest";
import type { ImageFilters } from "../engine/images/list-images.ts";
import { addImageFilter } from "./image-filters.ts";

const now = Date.parse("2026-01-15T00:00:00Z");
const parse = (...texts: readonly string[]): ImageFilters =>
  texts.reduce((filters, text) => addImageFilter(filters, text, now), {});

describe("the filters of images", () => {
  it.each([
    [["dangling=true"], { dangling: true }],
    [["dangling=0"], { dangling: false }],
    [["label=a", "label=b=c=d"], { labels: ["a", "b=c=d"] }],
    [["before=x:1", "since=y"], { before: "x:1", since: "y" }],
    [["reference=a*", "reference=b"], { references: ["a*", "b"] }],
    [["until=1700000000.5"], { until: { seconds: 1_700_000_000, nanoseconds: 500_000_000 } }],
    [["until=1h30m"], { until: { seconds: now / 1000 - 5400, nanoseconds: 0 } }],
    [["until=2024-05-01"], { until: { seconds: Date.parse("2024-05-01") / 1000, nanoseconds: 0 } }],
    [["until=2024-05-01T12:00:00+02:00"], { until: { seconds: 1_714_557_600, nanoseconds: 0 } }],
  ])("are %j", (texts, expected) => {
    expect(parse(...texts)).toEqual(expected);
  });

  it.each(["foo", "foo=bar", "dangling=maybe", "until=yesterday", "until=1h30", "=x"])("do not take %j", (text) => {
    expect(() => parse(text)).toThrow(expect.objectContaining({ code: "USAGE" }));
  });
});
