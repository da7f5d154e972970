import { describe, expect, it } from "vitest";
import { globMatcher } from "./glob.ts";

describe("a glob", () => {
  it.each([
    ["lab/*", "lab/one", true],
    ["lab/*", "lab/one:1", true],
    ["lab/*", "lab/one/two", false],
    ["*", "lab/one", false],
    ["l?b/o*e:[0-9]", "lab/one:1", true],
    ["lab/[^o]ne", "lab/one", false],
    ["lab/[a\\-z]ne", "lab/-ne", true],
    ["lab/[a-z]ne", "lab/-ne", false],
    ["a.b", "aXb", false],
    ["a\\*b", "a*b", true],
    ["a\\*b", "aXb", false],
    ["lab", "lab/one", false],
    ["(a|b)$", "(a|b)$", true],
    ["", "", true],
  ])("%j on %j gives %j, as Go's path.Match", (pattern, text, expected) => {
    expect(globMatcher(pattern)(text)).toBe(expected);
  });

  it.each(["[", "a[", "[]", "[^]", "[a", "[a-]", "[-z]", "a\\"])("%j is refused", (pattern) => {
    expect(() => globMatcher(pattern)).toThrow(expect.objectContaining({ code: "INVALID_REFERENCE" }));
  });
});
