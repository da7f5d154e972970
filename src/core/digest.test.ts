import { describe, expect, it } from "vitest";
import { digestAlgorithm, digestFromHex, digestHex, digestOf, parseDigest } from "./digest.ts";
import type { ErrorCode } from "./errors.ts";

const HEX = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

describe("parseDigest", () => {
  it.each([`sha256:${HEX}`, `sha512:${HEX}${HEX}`])("accepts %s", (text) => {
    expect(parseDigest(text)).toBe(text);
  });

  it.each<[string, ErrorCode]>([
    ["", "INVALID_DIGEST"],
    [HEX, "INVALID_DIGEST"],
    ["sha256:", "INVALID_DIGEST"],
    [`:${HEX}`, "INVALID_DIGEST"],
    [`sha256:${HEX.slice(1)}`, "INVALID_DIGEST"],
    [`sha256:${HEX}0`, "INVALID_DIGEST"],
    [`sha512:${HEX}`, "INVALID_DIGEST"],
    [`sha256:${HEX.toUpperCase()}`, "INVALID_DIGEST"],
    [`sha256:${HEX.replace("e", "g")}`, "INVALID_DIGEST"],
    [`SHA256:${HEX}`, "INVALID_DIGEST"],
    [`sha256:${HEX}\n`, "INVALID_DIGEST"],
    [`sha256:../${HEX.slice(3)}`, "INVALID_DIGEST"],
    [`sha256+-b:${HEX}`, "INVALID_DIGEST"],
    [`md5:${HEX.slice(32)}`, "UNSUPPORTED"],
    [`sha256+b64u:${HEX}`, "UNSUPPORTED"],
  ])("refuses %j with %s", (text, code) => {
    expect(() => parseDigest(text)).toThrow(expect.objectContaining({ code }));
  });

  it("says what it found without repeating control characters or a huge input", () => {
    const refusal = captureMessage(() => parseDigest(`\u001b[2J${"x".repeat(10_000)}`));
    expect(refusal).toContain("\\x1b[2J");
    expect(refusal.length).toBeLessThan(300);
  });
});

it("hashes bytes to their digest and takes it apart again", () => {
  const digest = digestOf(Buffer.alloc(0));
  expect(digest).toBe(`sha256:${HEX}`);
  expect(digestHex(digest)).toBe(HEX);
  expect(digestAlgorithm(digest)).toBe("sha256");
  expect(digestFromHex(HEX)).toBe(digest);
});

function captureMessage(call: () => unknown): string {
  try {
    call();
  } catch (error) {
    return (error as Error).message;
  }
  throw new Error("the call did not fail");
}
