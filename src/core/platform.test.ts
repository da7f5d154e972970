import { describe, expect, it } from "vitest";
import { formatPlatform, hostPlatform, matches, normalise, parsePlatform, selectPlatform } from "./platform.ts";

const host = hostPlatform();

describe("parsePlatform", () => {
  it.each([
    ["linux/amd64", { os: "linux", architecture: "amd64" }],
    ["Linux/x86_64", { os: "linux", architecture: "amd64" }],
    ["linux/amd64/v1", { os: "linux", architecture: "amd64" }],
    ["linux/amd64/v3", { os: "linux", architecture: "amd64", variant: "v3" }],
    ["linux/aarch64", { os: "linux", architecture: "arm64" }],
    ["linux/arm64/v8", { os: "linux", architecture: "arm64" }],
    ["linux/arm64/8", { os: "linux", architecture: "arm64" }],
    ["linux/arm", { os: "linux", architecture: "arm", variant: "v7" }],
    ["linux/arm/6", { os: "linux", architecture: "arm", variant: "v6" }],
    ["linux/armel", { os: "linux", architecture: "arm", variant: "v6" }],
    ["linux/i386", { os: "linux", architecture: "386" }],
    ["macos/arm64", { os: "darwin", architecture: "arm64" }],
    ["windows(10.0.17763)/amd64", { os: "windows", architecture: "amd64", osVersion: "10.0.17763" }],
    ["arm64", { os: "linux", architecture: "arm64" }],
    ["linux", host],
    ["s390x", { os: "linux", architecture: "s390x" }],
  ])("reads %s", (text, expected) => {
    expect(parsePlatform(text)).toEqual(expected);
  });

  it.each(["", "/", "linux/", "linux//v7", "linux/arm/v7/x", "toaster", "linux/am d64", "linux/a\u0000b"])(
    "refuses %j",
    (text) => {
      expect(() => parsePlatform(text)).toThrow(expect.objectContaining({ code: "INVALID_PLATFORM" }));
    },
  );
});

it.each(["linux/amd64", "linux/arm/v6", "windows(10.0.1)/amd64"])("writes %s as it reads it", (text) => {
  expect(formatPlatform(parsePlatform(text))).toBe(text);
});

it("leaves a platform that is normal as it is", () => {
  const platform = { os: "linux", architecture: "arm", variant: "v7", osFeatures: ["x"] };
  expect(normalise(platform)).toEqual(platform);
});

it.each([
  ["linux/amd64", "linux/amd64", true],
  ["linux/amd64", "linux/amd64/v2", false],
  ["linux/amd64/v3", "linux/amd64/v2", true],
  ["linux/amd64/v3", "linux/amd64", true],
  ["linux/arm/v7", "linux/arm/v6", true],
  ["linux/arm/v6", "linux/arm/v7", false],
  ["linux/arm64", "linux/arm64/v8", true],
  ["linux/arm64", "linux/arm", false],
  ["linux/amd64", "linux/arm64", false],
  ["linux/amd64", "windows/amd64", false],
  ["windows(10.0.1)/amd64", "windows(10.0.2)/amd64", false],
  ["linux/riscv64", "linux/riscv64", true],
])("where %s is wanted, an image for %s runs: %s", (wanted, candidate, expected) => {
  expect(matches(parsePlatform(wanted), parsePlatform(candidate))).toBe(expected);
});

it("selects the nearest variant, the first of equals", () => {
  const candidates = ["linux/arm/v5", "linux/arm/v6", "linux/amd64", "linux/arm/v6"].map((text, index) => ({
    index,
    platform: parsePlatform(text),
  }));
  const select = (wanted: string) => selectPlatform(candidates, parsePlatform(wanted), (one) => one.platform)?.index;
  expect([select("linux/arm/v7"), select("linux/arm/v5"), select("linux/amd64"), select("linux/s390x")]).toEqual([
    1,
    0,
    2,
    undefined,
  ]);
});

it("never selects a candidate that names no platform", () => {
  expect(selectPlatform([1], host, () => undefined)).toBeUndefined();
});
