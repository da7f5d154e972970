import { describe, expect, it } from "vitest";
import { parseLowers } from "./lowers.ts";

describe("parseLowers", () => {
  it.each([
    ["/a", ["/a"]],
    ["/top:/bottom:c", ["/top", "/bottom", "c"]],
    ["/a\\:b:/c", ["/a:b", "/c"]],
    ["/a\\\\:/c", ["/a\\", "/c"]],
    ["ü🙂:b", ["ü🙂", "b"]],
  ])("splits %s", (text, expected) => {
    expect(parseLowers(text)).toEqual(expected);
  });

  it.each(["", ":", "/a:", ":/a", "/a::/b"])("refuses %j, which has an empty part", (text) => {
    expect(() => parseLowers(text)).toThrow(expect.objectContaining({ code: "USAGE" }));
  });
});
