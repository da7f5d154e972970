import { describe, expect, it } from "vitest";
import { headerBlock } from "../../test/support/tar.ts";
import { checksumOf, decodeHeader, isZeroBlock } from "./header.ts";

describe("decodeHeader", () => {
  it("reads every field of a ustar header", () => {
    const block = headerBlock("ustar", {
      name: "name",
      mode: "0000755\0",
      uid: "0000012\0",
      gid: "0000013\0",
      size: "00000000100\0",
      mtime: "00000000007\0",
      typeflag: "4",
      linkname: "link",
      uname: "user",
      gname: "group",
      devmajor: "0000010\0",
      devminor: "0000011\0",
      prefix: "some/prefix",
    });
    expect(decodeHeader(block, 0)).toEqual({
      format: "ustar",
      typeflag: "4",
      name: Buffer.from("some/prefix/name"),
      linkname: Buffer.from("link"),
      mode: 0o755,
      uid: 10,
      gid: 11,
      size: 64,
      mtime: 7,
      uname: "user",
      gname: "group",
      devmajor: 8,
      devminor: 9,
    });
  });

  it("reads names that fill their field without a NUL", () => {
    const fields = { name: "n".repeat(100), linkname: "l".repeat(100), prefix: "p".repeat(155), uname: "u".repeat(32) };
    const header = decodeHeader(headerBlock("ustar", fields), 0);
    expect(header.name.toString()).toBe(`${fields.prefix}/${fields.name}`);
    expect(header.linkname.toString()).toBe(fields.linkname);
    expect(header.uname).toBe(fields.uname);
  });

  it("takes neither prefix nor user nor device from a v7 header", () => {
    const fields = { name: "name", prefix: "prefix", uname: "user", devmajor: "garbage!" };
    const header = decodeHeader(headerBlock("v7", fields), 0);
    expect(header).toMatchObject({ format: "v7", name: Buffer.from("name"), uname: "", devmajor: 0 });
  });

  it("takes no prefix from a GNU header, where times lie in its place", () => {
    const header = decodeHeader(headerBlock("gnu", { name: "name", gnuAtime: "14524013467\0" }), 0);
    expect(header).toMatchObject({ format: "gnu", name: Buffer.from("name") });
  });

  it("takes the prefix that Go before 1.8 wrote into GNU headers", () => {
    const header = decodeHeader(headerBlock("gnu", { name: "name", prefix: "some/prefix/that/is/long" }), 0);
    expect(header.name.toString()).toBe("some/prefix/that/is/long/name");
  });

  it("takes only 131 bytes of prefix from a star header", () => {
    const header = decodeHeader(headerBlock("ustar", { name: "n", prefix: "p".repeat(140), starTrailer: "tar\0" }), 0);
    expect(header).toMatchObject({ format: "star", name: Buffer.from(`${"p".repeat(131)}/n`) });
  });

  it("accepts a checksum over signed characters", () => {
    const block = headerBlock("ustar", { name: "\xff\xfe", checksum: "0000000\0" });
    block.write(`${(checksumOf(block) - 512).toString(8).padStart(6, "0")}\0 `, 148);
    expect(decodeHeader(block, 0).name.toString("latin1")).toBe("\xff\xfe");
  });

  it.each([
    ["a wrong checksum", { checksum: "0000001\0" }],
    ["a checksum that is no number", { checksum: "checksum" }],
    ["a mode that is no number", { mode: "rw-r--r-" }],
    ["a negative size", { size: "\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff" }],
    ["a size beyond 2^53", { size: "\x80\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff" }],
  ])("refuses %s, naming the offset", (_, fields) => {
    expect(() => decodeHeader(headerBlock("ustar", fields), 1536)).toThrow(
      expect.objectContaining({ code: "INVALID_TAR", message: expect.stringContaining("byte 1536") }),
    );
  });
});

describe("isZeroBlock", () => {
  it("tells a block of zeros from a header without a name", () => {
    expect(isZeroBlock(Buffer.alloc(512))).toBe(true);
    expect(isZeroBlock(headerBlock("v7", {}))).toBe(false);
  });
});
