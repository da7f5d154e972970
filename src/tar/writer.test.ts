import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { TarEntry } from "./entry.ts";
import { tarReader } from "./reader.ts";
import { END_OF_ARCHIVE, encodeHeader, type HeaderFields, padding } from "./writer.ts";

const PLAIN: HeaderFields = {
  kind: "file",
  name: Buffer.from("etc/passwd"),
  mode: 0o644,
  uid: 0,
  gid: 0,
  mtime: { seconds: 1_700_000_000, nanoseconds: 0 },
  size: 0,
};

function decode(header: Buffer): TarEntry {
  const entries: TarEntry[] = [];
  const reader = tarReader({ raw() {}, entry: (entry) => entries.push(entry), payload() {}, endEntry() {} });
  reader.write(header);
  expect(entries).toHaveLength(1);
  return entries[0]!;
}

describe("encodeHeader", () => {
  it("writes one ustar block where that says everything", () => {
    expect(encodeHeader(PLAIN)).toHaveLength(512);
  });

  it.each<[string, Partial<HeaderFields>]>([
    ["a name of 101 bytes without a slash", { name: Buffer.alloc(101, "n") }],
    ["a name beyond prefix and name", { name: Buffer.from(`${"d".repeat(156)}/f`) }],
    ["a name that is not ASCII", { name: Buffer.from("größe") }],
    ["a name that is not UTF-8", { name: Buffer.from("gr\xf6\xdfe", "latin1") }],
    ["a link of 101 bytes", { kind: "symlink", linkname: Buffer.alloc(101, "l") }],
    ["a user id of 2^21", { uid: 2 ** 21 }],
    ["a group id of 2^31", { gid: 2 ** 31 }],
    ["a size of 8 GiB", { size: 8 * 2 ** 30 }],
    ["nanoseconds", { mtime: { seconds: 5, nanoseconds: 6 } }],
    ["a time before 1970", { mtime: { seconds: -5, nanoseconds: 999_999_999 } }],
    ["a user name that is not ASCII", { uname: "jörg" }],
    ["a group name of 32 bytes", { gname: "g".repeat(32) }],
    ["an attribute", { xattrs: new Map([["security.capability", Buffer.from("\x01\0\n=\xff", "latin1")]]) }],
    ["an empty attribute", { xattrs: new Map([["user.empty", Buffer.alloc(0)]]) }],
  ])("says %s in a PAX record", (_, change) => {
    const fields = { ...PLAIN, ...change };
    const header = encodeHeader(fields);
    expect(header.length).toBeGreaterThanOrEqual(1536);
    expect(decode(header)).toMatchObject(fields);
  });

  it.each<[string, string, string]>([
    ["155 and 100 bytes", "p".repeat(155), "n".repeat(100)],
    ["a name that just needs a prefix", "p", "n".repeat(99)],
  ])("splits %s into prefix and name", (_, prefix, name) => {
    const header = encodeHeader({ ...PLAIN, name: Buffer.from(`${prefix}/${name}`) });
    expect(header).toHaveLength(512);
    expect(decode(header).name.toString()).toBe(`${prefix}/${name}`);
  });

  it("gives a directory's name a slash", () => {
    expect(decode(encodeHeader({ ...PLAIN, kind: "directory", name: Buffer.from("etc") })).name.toString()).toBe(
      "etc/",
    );
  });

  it.each<[string, Partial<HeaderFields>]>([
    ["a NUL in a name", { name: Buffer.from("a\0b") }],
    ["a NUL in a link", { kind: "symlink", linkname: Buffer.from("a\0b") }],
    ["a NUL in a user name", { uname: "a\0b" }],
    ["an unknown kind", { kind: "unknown" }],
    ["a directory with content", { kind: "directory", size: 5 }],
    ["a negative size", { size: -1 }],
    ["a device number beyond 21 bits", { kind: "char", devminor: 2 ** 21 }],
    ["an attribute with an equals sign", { xattrs: new Map([["user.a=b", Buffer.alloc(1)]]) }],
  ])("refuses %s", (_, change) => {
    expect(() => encodeHeader({ ...PLAIN, ...change })).toThrow(expect.objectContaining({ code: "INVALID_LAYER" }));
  });

  it("decodes to the fields that were encoded", () => {
    fc.assert(
      fc.property(anyFields, (fields) => {
        const header = encodeHeader(fields);
        expect(header.length % 512).toBe(0);
        expect(decode(header)).toMatchObject(fields);
        expect(encodeHeader(fields).equals(header)).toBe(true);
      }),
      { numRuns: 500 },
    );
  });
});

describe("padding", () => {
  it.each([
    [0, 0],
    [1, 511],
    [511, 1],
    [512, 0],
    [8 * 2 ** 30 + 1, 511],
  ])("of %d bytes is %i zeros", (size, expected) => {
    expect(padding(size).equals(Buffer.alloc(expected))).toBe(true);
  });

  it("of the archive is two blocks", () => {
    expect(END_OF_ARCHIVE.equals(Buffer.alloc(1024))).toBe(true);
  });
});

const anyName = fc
  .oneof(
    fc.uint8Array({ minLength: 1, maxLength: 300 }),
    fc.stringMatching(/^[a-z/]{1,280}$/).map((text) => Buffer.from(text)),
  )
  .map((bytes) => Buffer.from(bytes.map((byte) => byte || 1)));
const anyText = fc.stringMatching(/^[a-zé]{0,40}$/);
const anyAttributes = fc
  .array(fc.tuple(fc.stringMatching(/^user\.[a-zé.]{1,20}$/), fc.uint8Array({ maxLength: 200 })), { maxLength: 3 })
  .map((list) => new Map(list.map(([key, value]) => [key, Buffer.from(value)])));
const anyId = fc.oneof(fc.nat({ max: 70_000 }), fc.nat({ max: 2 ** 32 - 1 }));

const anyFields: fc.Arbitrary<HeaderFields> = fc
  .record({
    kind: fc.constantFrom("file", "hardlink", "symlink", "char", "block", "directory", "fifo"),
    name: anyName,
    linkname: fc.oneof(fc.constant(Buffer.alloc(0)), anyName),
    mode: fc.nat({ max: 0o7777 }),
    uid: anyId,
    gid: anyId,
    uname: anyText,
    gname: anyText,
    mtime: fc.record({
      seconds: fc.integer({ min: -(2 ** 35), max: 2 ** 35 }),
      nanoseconds: fc.oneof(fc.constant(0), fc.nat({ max: 999_999_999 })),
    }),
    size: fc.oneof(fc.nat({ max: 1000 }), fc.nat({ max: 2 ** 50 })),
    devmajor: fc.nat({ max: 4095 }),
    devminor: fc.nat({ max: 2 ** 20 - 1 }),
    xattrs: anyAttributes,
  })
  .map((fields) => ({
    ...fields,
    name: fields.kind === "directory" ? Buffer.concat([fields.name, Buffer.from("/")]) : fields.name,
    size: fields.kind === "file" ? fields.size : 0,
  })) as fc.Arbitrary<HeaderFields>;
