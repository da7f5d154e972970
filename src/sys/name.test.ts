import { describe, expect, it } from "vitest";
import { first, MAX_PATH, second, terminated } from "./name.ts";

describe("a name for a native call", () => {
  it("ends with NUL, also after a longer one in the same slot", () => {
    first(Buffer.from("long name"));
    expect(first(Buffer.from("ab"))?.subarray(0, 3)).toEqual(Buffer.from("ab\0"));
  });

  it("stays while the other slot is used", () => {
    const name = first(Buffer.from("ab"));
    second(Buffer.from("xyz"));
    expect(name?.subarray(0, 3)).toEqual(Buffer.from("ab\0"));
  });

  it("is null past PATH_MAX", () => {
    expect(first(Buffer.alloc(MAX_PATH, 97))).not.toBeNull();
    expect(first(Buffer.alloc(MAX_PATH + 1, 97))).toBeNull();
  });

  it.each([
    ["first", first],
    ["second", second],
    ["terminated", terminated],
  ])("is refused by %s with a NUL inside", (_, make) => {
    expect(() => make(Buffer.from("etc\0/passwd"))).toThrow(
      expect.objectContaining({ code: "INVALID_LAYER", message: expect.stringContaining("etc\\x00/passwd") }),
    );
  });
});
