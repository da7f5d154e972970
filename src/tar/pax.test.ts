import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { formatPaxRecord, formatPaxTime, parseDecimal, parsePaxRecords, parsePaxTime, SPARSE_MAP } from "./pax.ts";

const parse = (text: string): Record<string, string> =>
  Object.fromEntries([...parsePaxRecords(Buffer.from(text, "latin1"), 0)].map(([k, v]) => [k, v.toString("latin1")]));

describe("parsePaxRecords", () => {
  it.each([
    ["nothing", "", {}],
    ["one record", "6 k=1\n", { k: "1" }],
    ["a newline and an equals sign in a value", "11 a=b=\nc\n\n", { a: "b=\nc\n" }],
    ["an empty value", "8 path=\n", { path: "" }],
    ["a NUL in an attribute", "27 SCHILY.xattr.user.a=x\0y\n", { "SCHILY.xattr.user.a": "x\0y" }],
    ["the last of equal keywords", "6 k=1\n6 k=2\n", { k: "2" }],
    ["a length with zeros in front", "008 k=1\n", { k: "1" }],
  ])("reads %s", (_, text, expected) => {
    expect(parse(text)).toEqual(expected);
  });

  it("joins the runs of sparse format 0.0", () => {
    const records = ["GNU.sparse.offset=0", "GNU.sparse.numbytes=5", "GNU.sparse.offset=9", "GNU.sparse.numbytes=0"];
    const text = Buffer.concat(records.map((r) => formatPaxRecord(r.split("=")[0]!, r.split("=")[1]!)));
    expect(parsePaxRecords(text, 0).get(SPARSE_MAP)?.toString()).toBe("0,5,9,0");
  });

  it.each([
    ["a length beyond the end", "7 k=1\n"],
    ["a length that ends too early", "5 k=1\n"],
    ["a length of zero", "0 k=1\n"],
    ["a length that is no number", "x k=1\n"],
    ["a negative length", "-6 k=1\n"],
    ["a missing length", " k=1\n"],
    ["a huge length", "99999999999999999999 k=1\n"],
    ["a missing newline", "6 k=12"],
    ["a missing equals sign", "5 k1\n"],
    ["an empty keyword", "5 =1\n"],
    ["a NUL in a path", "11 path=a\0\n"],
    ["a NUL in a keyword", "7 k\0=1\n"],
    ["runs out of order", "25 GNU.sparse.numbytes=0\n"],
    ["only zeros", "\0\0\0\0\0\0"],
  ])("refuses %s, naming the offset", (_, text) => {
    const at1024 = (): unknown => parsePaxRecords(Buffer.from(text, "latin1"), 1024);
    expect(at1024).toThrow(
      expect.objectContaining({ code: "INVALID_TAR", message: expect.stringMatching(/byte 10\d\d/) }),
    );
  });

  it("reads back every record that formatPaxRecord writes", () => {
    const key = fc.stringMatching(/^[a-zA-Zäöü.]{1,12}$/);
    const value = fc.uint8Array({ maxLength: 12_000 }).map((bytes) => Buffer.from(bytes));
    fc.assert(
      fc.property(fc.uniqueArray(fc.tuple(key, value), { selector: ([k]) => k, maxLength: 5 }), (records) => {
        const bytes = Buffer.concat(records.map(([k, v]) => formatPaxRecord(k, v)));
        expect([...parsePaxRecords(bytes, 0)]).toEqual(records);
      }),
    );
  });

  it.each([3, 4, 93, 94, 95, 990, 991, 992, 993])(
    "counts the digits of a record with a value of %i bytes",
    (length) => {
      const record = formatPaxRecord("k", Buffer.alloc(length, "v"));
      expect(Number.parseInt(record.toString(), 10)).toBe(record.length);
    },
  );
});

describe("parsePaxTime", () => {
  it.each([
    ["1350244992", 1350244992, 0],
    ["1350244992.", 1350244992, 0],
    ["1350244992.3", 1350244992, 300_000_000],
    ["1350244992.023960108", 1350244992, 23_960_108],
    ["1350244992.0239601089999", 1350244992, 23_960_108],
    ["-1", -1, 0],
    ["-1.5", -2, 500_000_000],
    ["-0.5", -1, 500_000_000],
    ["-0.0", 0, 0],
  ])("reads %s", (text, seconds, nanoseconds) => {
    expect(parsePaxTime(text)).toEqual({ seconds, nanoseconds });
  });

  it.each(["", ".5", "1.5.6", "1,5", "1e5", "0x10", " 1", "1.5s", "99999999999999999999"])("refuses %j", (text) => {
    expect(parsePaxTime(text)).toBeUndefined();
  });

  it("reads back every time that formatPaxTime writes", () => {
    const time = fc.record({
      seconds: fc.integer({ min: -(2 ** 40), max: 2 ** 40 }),
      nanoseconds: fc.nat({ max: 999_999_999 }),
    });
    fc.assert(
      fc.property(time, (value) => {
        expect(parsePaxTime(formatPaxTime(value))).toEqual(value);
      }),
    );
  });
});

describe("parseDecimal", () => {
  it.each([
    ["0", 0],
    ["-5", -5],
    ["9007199254740991", 9007199254740991],
    ["9007199254740992", Number.NaN],
    ["", Number.NaN],
    ["1.5", Number.NaN],
    ["1 ", Number.NaN],
  ])("of %j is %d", (text, expected) => {
    expect(parseDecimal(text)).toBe(expected);
  });
});
