import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { digestOf } from "./digest.ts";
import {
  canonicalName,
  canonicalString,
  familiarName,
  familiarString,
  type NamedReference,
  parseImageName,
  parseReference,
  withDefaultTag,
} from "./reference.ts";

const DIGEST = digestOf("some manifest");
const HEX = DIGEST.slice("sha256:".length);

describe("parseReference", () => {
  it.each<[string, NamedReference]>([
    ["busybox", { domain: "docker.io", path: "library/busybox" }],
    ["busybox:1.36", { domain: "docker.io", path: "library/busybox", tag: "1.36" }],
    ["library/busybox", { domain: "docker.io", path: "library/busybox" }],
    ["docker.io/busybox", { domain: "docker.io", path: "library/busybox" }],
    ["index.docker.io/busybox", { domain: "docker.io", path: "library/busybox" }],
    ["someone/tool", { domain: "docker.io", path: "someone/tool" }],
    ["localhost/x", { domain: "localhost", path: "x" }],
    ["x:5000/y", { domain: "x:5000", path: "y" }],
    ["x.y/z/w:t", { domain: "x.y", path: "z/w", tag: "t" }],
    ["MixedCase/x", { domain: "MixedCase", path: "x" }],
    ["[::1]:5000/x", { domain: "[::1]:5000", path: "x" }],
    ["a__b/c---d.e_f", { domain: "docker.io", path: "a__b/c---d.e_f" }],
    [`x@${DIGEST}`, { domain: "docker.io", path: "library/x", digest: DIGEST }],
    [`x:t@${DIGEST}`, { domain: "docker.io", path: "library/x", tag: "t", digest: DIGEST }],
  ])("reads %s", (text, expected) => {
    expect(parseReference(text)).toEqual(expected);
  });

  it.each([
    ["", "expected [DOMAIN/]PATH"],
    ["Busybox", "lower case"],
    ["docker.io/Busybox:T", "lower case"],
    [HEX, "image id"],
    ["a//b", "expected [DOMAIN/]PATH"],
    ["a/../b", "expected [DOMAIN/]PATH"],
    ["-a", "expected [DOMAIN/]PATH"],
    ["a___b", "expected [DOMAIN/]PATH"],
    ["a:", "expected [DOMAIN/]PATH"],
    [`a:${"t".repeat(129)}`, "expected [DOMAIN/]PATH"],
    ["a@sha256:abcd", "expected [DOMAIN/]PATH"],
    [`a@sha256:${HEX}00`, "expected 64 hex digits"],
    [`a@md5:${HEX.slice(32)}`, "not supported"],
    ["https://docker.io/x", "expected [DOMAIN/]PATH"],
    ["[fe80::1%eth0]/x", "expected [DOMAIN/]PATH"],
    [`x.y/${"a".repeat(256)}`, "256 characters"],
    ["a".repeat(1025), "at most 1024"],
    ["a\n", "expected [DOMAIN/]PATH"],
  ])("refuses %j", (text, problem) => {
    expect(() => parseReference(text)).toThrow(
      expect.objectContaining({ code: "INVALID_REFERENCE", message: expect.stringContaining(problem) }),
    );
  });

  it("reads its own canonical and familiar form back", () => {
    const label = fc.stringMatching(/^[a-z0-9]{1,8}$/);
    const path = fc.array(label, { minLength: 1, maxLength: 3 }).map((parts) => parts.join("/"));
    const domain = fc.constantFrom("docker.io", "localhost", "quay.io", "h:5000", "[::1]");
    const tag = fc.option(fc.stringMatching(/^[A-Za-z0-9_][A-Za-z0-9_.-]{0,20}$/), { nil: undefined });
    fc.assert(
      fc.property(domain, path, tag, (domain, path, tag) => {
        const ref = parseReference(`${domain}/${path}${tag === undefined ? "" : `:${tag}`}`);
        expect(parseReference(canonicalString(ref))).toEqual(ref);
        expect(parseReference(familiarString(ref))).toEqual(ref);
      }),
    );
  });
});

it.each([
  ["nginx", "nginx", "nginx", "docker.io/library/nginx"],
  ["docker.io/library/nginx:1", "nginx", "nginx:1", "docker.io/library/nginx:1"],
  ["docker.io/library/a/b", "library/a/b", "library/a/b", "docker.io/library/a/b"],
  ["quay.io/x/y:1", "quay.io/x/y", "quay.io/x/y:1", "quay.io/x/y:1"],
  [`nginx@${DIGEST}`, "nginx", `nginx@${DIGEST}`, `docker.io/library/nginx@${DIGEST}`],
])("shows %s", (text, name, familiar, canonical) => {
  const ref = parseReference(text);
  expect([familiarName(ref), familiarString(ref), canonicalString(ref)]).toEqual([name, familiar, canonical]);
  expect(canonical.startsWith(canonicalName(ref))).toBe(true);
});

it.each([
  ["nginx", "nginx:latest"],
  ["nginx:1", "nginx:1"],
  [`nginx@${DIGEST}`, `nginx@${DIGEST}`],
])("adds the tag latest to %s only where there is neither tag nor digest", (text, expected) => {
  expect(familiarString(withDefaultTag(parseReference(text)))).toBe(expected);
});

describe("parseImageName", () => {
  it.each([HEX, DIGEST])("takes %s for an id only", (text) => {
    expect(parseImageName(text)).toEqual({ id: DIGEST });
  });

  it("takes a short word of hex digits for a name or the beginning of an id", () => {
    expect(parseImageName("beef")).toEqual({ reference: parseReference("beef"), idPrefix: "beef" });
  });

  it("takes sha256: and a few digits for a name with a tag or the beginning of an id", () => {
    expect(parseImageName("sha256:beef")).toEqual({ reference: parseReference("sha256:beef"), idPrefix: "beef" });
  });

  it("takes any other word for a name", () => {
    expect(parseImageName("nginx:1")).toEqual({ reference: parseReference("nginx:1") });
  });

  it("refuses what is no name", () => {
    expect(() => parseImageName("No Name")).toThrow(expect.objectContaining({ code: "INVALID_REFERENCE" }));
  });
});
