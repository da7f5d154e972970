import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { fitsOctal, parseNumber, writeOctal } from "./numeric.ts";

const parse = (text: string): number => parseNumber(Buffer.from(text, "latin1"), 0, text.length);

describe("parseNumber", () => {
  it.each([
    ["octal with a NUL", "0000644\0", 0o644],
    ["octal with a space", "000644 \0", 0o644],
    ["octal behind spaces", "   644 \0", 0o644],
    ["octal without an end", "77777777", 0o77777777],
    ["an empty field", "\0\0\0\0\0\0\0\0", 0],
    ["a field of spaces", "        ", 0],
    ["what follows a NUL as nothing", "644\x009999", 0o644],
    ["base-256", "\x80\0\0\0\x01\x02\x03\x04", 0x01020304],
    ["base-256 of -1", "\xff\xff\xff\xff\xff\xff\xff\xff", -1],
    ["base-256 of a time before 1970", "\xff\xff\xff\xff\xff\xff\xff\xff\xf8\xa4\x32\xeb", -123456789],
    ["base-256 of 2^53-1", "\x80\0\0\0\0\x1f\xff\xff\xff\xff\xff\xff", Number.MAX_SAFE_INTEGER],
  ])("reads %s", (_, text, expected) => {
    expect(parse(text)).toBe(expected);
  });

  it.each([
    ["a digit that is not octal", "0000648\0"],
    ["a minus sign", "-0000644"],
    ["digits apart", "12 34567"],
    ["base-256 of 2^53", "\x80\0\0\0\0\x20\0\0\0\0\0\0"],
    ["base-256 far beyond", "\x80\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff"],
  ])("refuses %s", (_, text) => {
    expect(parse(text)).toBeNaN();
  });

  it("reads what writeOctal wrote", () => {
    fc.assert(
      fc.property(fc.nat({ max: 8 ** 11 - 1 }), (value) => {
        const block = Buffer.alloc(12);
        expect(writeOctal(block, 0, 12, value)).toBe(true);
        expect(parseNumber(block, 0, 12)).toBe(value);
      }),
    );
  });
});

describe("fitsOctal", () => {
  it.each([
    [0o7777777, true],
    [0o10000000, false],
    [-1, false],
    [1.5, false],
  ])("says of %d in eight bytes: %s", (value, expected) => {
    expect(fitsOctal(value, 8)).toBe(expected);
  });
});
