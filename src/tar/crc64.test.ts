import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { crc64, crc64Bytes } from "./crc64.ts";

/** Bit by bit, as the definition has it. */
function reference(previous: bigint, bytes: Uint8Array): bigint {
  let crc = previous ^ 0xffffffffffffffffn;
  for (const byte of bytes) {
    crc ^= BigInt(byte);
    for (let bit = 0; bit < 8; bit++) crc = crc & 1n ? (crc >> 1n) ^ 0xd800000000000000n : crc >> 1n;
  }
  return crc ^ 0xffffffffffffffffn;
}

describe("crc64", () => {
  it.each([
    ["nothing", "", 0x0n],
    ["a", "a", 0x3420000000000000n],
    ["the digits of the usual check", "123456789", 0xb90956c775a41001n],
  ])("of %s is the published value", (_, text, expected) => {
    expect(crc64(0n, Buffer.from(text))).toBe(expected);
  });

  it("equals the reference for bytes of any length, split anywhere", () => {
    const bytes = fc.uint8Array({ maxLength: 300 });
    fc.assert(
      fc.property(bytes, bytes, (first, second) => {
        const whole = Buffer.concat([first, second]);
        expect(crc64(crc64(0n, first), second)).toBe(reference(0n, whole));
        expect(crc64(0n, whole)).toBe(reference(0n, whole));
      }),
    );
  });

  it("equals the reference for more than fits into its memory at once", () => {
    const bytes = Buffer.alloc(300_001, "some text that does not repeat at a block's size");
    expect(crc64(0n, bytes)).toBe(reference(0n, bytes));
  });

  it("is stored with its highest byte first", () => {
    expect(crc64Bytes(0x3420000000000001n).toString("hex")).toBe("3420000000000001");
  });
});
