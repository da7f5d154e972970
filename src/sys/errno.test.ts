import { openSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { EAGAIN, EDQUOT, errnoName, fromAnyError, fromNodeError, systemError } from "./errno.ts";

describe("errnoName", () => {
  it.each([
    [2, "ENOENT"],
    [-2, "ENOENT"],
    [EAGAIN, "EAGAIN"],
    [95, "EOPNOTSUPP"],
    [EDQUOT, "EDQUOT"],
    [9999, "errno 9999"],
  ])("names %i %s", (number, name) => {
    expect(errnoName(number)).toBe(name);
  });
});

describe("systemError", () => {
  it.each([
    [28, "NO_SPACE"],
    [122, "NO_SPACE"],
    [1, "PERMISSION"],
    [13, "PERMISSION"],
    [30, "READ_ONLY"],
    [2, "SYSTEM"],
    [-28, "NO_SPACE"],
  ])("gives errno %i the code %s", (number, code) => {
    expect(systemError(number, "open", "x")).toMatchObject({ code, errno: errnoName(number) });
  });

  it("says what to do where the disk is full or read-only", () => {
    expect([28, 30, 2].map((number) => systemError(number, "open", "x").hint)).toEqual([
      expect.stringContaining("df -i"),
      expect.stringContaining("for writing"),
      undefined,
    ]);
  });

  it("names the action and the object, with control characters escaped", () => {
    expect(systemError(2, "open", Buffer.from("a\nb")).message).toBe("cannot open a\\x0ab: ENOENT");
  });
});

describe("fromNodeError", () => {
  it("turns an error of node:fs into a LayerfsError that keeps its cause", () => {
    const cause = thrownBy(() => openSync("/absent/file", "r"));
    expect(fromNodeError(cause, "open", "/absent/file")).toMatchObject({ code: "SYSTEM", errno: "ENOENT", cause });
  });

  it("tells the call and the path where its caller knows no more", () => {
    const cause = thrownBy(() => openSync("/absent/file", "r"));
    expect(fromAnyError(cause)).toMatchObject({ message: "cannot open /absent/file: ENOENT", cause });
    expect(fromAnyError(fromAnyError(cause))).toMatchObject({ message: "cannot open /absent/file: ENOENT" });
  });

  it("leaves any other error alone", () => {
    const error = new TypeError("x");
    expect(fromNodeError(error, "open", "x")).toBe(error);
  });
});

function thrownBy(call: () => unknown): unknown {
  try {
    call();
  } catch (error) {
    return error;
  }
  throw new Error("nothing was thrown");
}
