import { describe, expect, it } from "vitest";
import { globMatcher, pathGlobMatcher } from "./glob.ts";

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
    ["lab/[z-a]ne", "lab/one", false],
    ["lab/[^z-a]ne", "lab/one", true],
    ["lab/[xyo]ne", "lab/one", true],
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

describe("a glob of paths", () => {
  it.each([
    ["**/package.json", "package.json", true],
    ["**/package.json", "usr/lib/node_modules/npm/package.json", true],
    ["**/package.json", "usr/xpackage.json", false],
    ["/etc/os-release", "etc/os-release", true],
    ["etc/os-release", "/etc/os-release", true],
    ["etc/*", "etc/ssl/certs", false],
    ["etc/**", "etc/ssl/certs", true],
    ["etc/**", "etc", false],
    ["var/**/status", "var/status", true],
    ["var/**/status", "var/lib/dpkg/status", true],
    ["*.so", "lib/a.so", false],
    ["**", "a/b", true],
    ["b*/[ab].?", "bin/b.c", true],
  ])("%j on %j gives %j", (pattern, path, expected) => {
    expect(pathGlobMatcher(pattern)(path)).toBe(expected);
  });
});
