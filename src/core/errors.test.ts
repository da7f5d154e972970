import { describe, expect, it } from "vitest";
import { errorRecord, LayerfsError, printable, reviveError, withObject } from "./errors.ts";

describe("withObject", () => {
  it("lets a failure to read something name it, and keeps the rest", () => {
    const error = new LayerfsError("INVALID_TAR", "byte 7: wrong", { hint: "fetch it again", errno: "EIO" });
    expect(withObject(error, "layer sha256:1")).toMatchObject({
      code: "INVALID_TAR",
      message: "layer sha256:1: byte 7: wrong",
      hint: "fetch it again",
      errno: "EIO",
      cause: error,
    });
  });

  it.each([
    ["one that names such an object already", new LayerfsError("DIGEST_MISMATCH", "layer sha256:2: another digest")],
    ["one that is not the object's fault", new LayerfsError("CANCELLED", "cancelled")],
    ["another kind of error", new TypeError("x")],
  ])("leaves %s as it is", (_, error) => {
    expect(withObject(error, "layer sha256:1")).toBe(error);
  });
});

describe("reviveError", () => {
  it("is the inverse of errorRecord", () => {
    const error = new LayerfsError("NO_SPACE", "full", { hint: "free some", errno: "ENOSPC" });
    expect(reviveError(structuredClone(errorRecord(error)))).toEqual(error);
  });
});

describe("printable", () => {
  it("escapes control characters and bytes that are no UTF-8", () => {
    expect(printable("a\nb\u0085")).toBe("a\\x0ab\\x85");
    expect(printable(Buffer.from([0x61, 0xff]))).toBe("a\\xff");
  });

  it("escapes what turns the direction of the text after it, and leaves letters of any script", () => {
    expect(printable("exe\u202etxt\u2066\u061c\u2028")).toBe("exe\\u202etxt\\u2066\\u061c\\u2028");
    expect(printable("wört שלום 字 👍🏽")).toBe("wört שלום 字 👍🏽");
  });
});
