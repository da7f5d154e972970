import { describe, expect, it } from "vitest";
import { humanSize, parseSize } from "./size.ts";

describe("humanSize", () => {
  it.each([
    [0, "0B"],
    [999, "999B"],
    [1000, "1kB"],
    [1_236_000, "1.24MB"],
    [12_360_000, "12.4MB"],
    [141_499_000, "141MB"],
    [999_499, "999kB"],
    [999_500, "1MB"],
    [2_000_000_000_000, "2TB"],
  ])("shows %d as %s", (bytes, expected) => {
    expect(humanSize(bytes)).toBe(expected);
  });

  it("shows four digits where Docker does", () => {
    expect([1_982_384, 999_949, 999_950].map((bytes) => humanSize(bytes, 4))).toEqual(["1.982MB", "999.9kB", "1MB"]);
  });
});

describe("parseSize", () => {
  it.each([
    ["10", 10],
    ["10b", 10],
    ["10GB", 10e9],
    ["10G", 10e9],
    ["1.5kB", 1500],
    ["512MiB", 512 * 1024 ** 2],
    ["2 tib", 2 * 1024 ** 4],
  ])("reads %s", (text, expected) => {
    expect(parseSize(text)).toBe(expected);
  });

  it.each(["", "GB", "-1GB", "10XB", "10iB", "0", "1e3", "99999999PB"])("refuses %j", (text) => {
    expect(() => parseSize(text)).toThrow(expect.objectContaining({ code: "USAGE" }));
  });
});
