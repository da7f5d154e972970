import { describe, expect, it } from "vitest";
import { headerBlock } from "../../test/support/tar.ts";
import { decodeHeader } from "./header.ts";
import { mergeHeaders } from "./merge.ts";

const NONE = { pax: null, longName: null, longLink: null };
const pax = (records: Record<string, string>): Map<string, Buffer> =>
  new Map(Object.entries(records).map(([key, value]) => [key, Buffer.from(value)]));

describe("mergeHeaders", () => {
  const header = decodeHeader(
    headerBlock("ustar", { name: "field", linkname: "field link", size: "00000000005\0", mtime: "00000000007\0" }),
    0,
  );

  it("takes everything from the header where nothing else is said", () => {
    expect(mergeHeaders(header, NONE, 1024)).toMatchObject({
      offset: 1024,
      name: Buffer.from("field"),
      linkname: Buffer.from("field link"),
      size: 5,
      payloadSize: 5,
      mtime: { seconds: 7, nanoseconds: 0 },
      sparse: null,
    });
  });

  it.each([
    ["the header's", null, null, "field"],
    ["the PAX record's over the header's", "pax", null, "pax"],
    ["GNU's over both", "pax", "gnu", "gnu"],
    ["GNU's even if it is empty", "pax", "", ""],
  ])("takes a name from %s", (_, path, long, expected) => {
    const longName = long === null ? null : Buffer.from(long);
    const records = path === null ? null : pax({ path });
    expect(mergeHeaders(header, { ...NONE, pax: records, longName }, 0).name.toString()).toBe(expected);
  });

  it("takes the size of the payload from a PAX record", () => {
    expect(mergeHeaders(header, { ...NONE, pax: pax({ size: "9000000000" }) }, 0).payloadSize).toBe(9_000_000_000);
  });

  it("gives no payload to a hard link, even where a PAX record claims one", () => {
    const link = { ...header, typeflag: "1" };
    expect(mergeHeaders(link, { ...NONE, pax: pax({ size: "5" }) }, 0)).toMatchObject({ size: 0, payloadSize: 0 });
  });

  it("refuses a negative size, naming the entry's offset", () => {
    expect(() => mergeHeaders(header, { ...NONE, pax: pax({ size: "-1" }) }, 1024)).toThrow(
      expect.objectContaining({ code: "INVALID_TAR", message: expect.stringContaining("byte 1024") }),
    );
  });
});
