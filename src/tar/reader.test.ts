import { describe, expect, it } from "vitest";
import { blocks, expand, headerBlock, member, type ReadMember, readArchive } from "../../test/support/tar.ts";
import type { TarEntry } from "./entry.ts";
import { formatPaxRecord } from "./pax.ts";
import { EXTENDED_HEADER_LIMIT, tarReader } from "./reader.ts";
import { END_OF_ARCHIVE } from "./writer.ts";

const pax = (records: Record<string, string | Buffer>, typeflag = "x"): Buffer =>
  member(
    "ustar",
    { name: "PaxHeaders/x", typeflag },
    Buffer.concat(Object.entries(records).map(([key, value]) => formatPaxRecord(key, value))),
  );
const longName = (typeflag: "L" | "K", name: string): Buffer =>
  member("gnu", { name: "././@LongLink", typeflag }, name);
const read = (...parts: Buffer[]): readonly ReadMember[] => readArchive(Buffer.concat(parts)).members;
const first = (...parts: Buffer[]): TarEntry => read(...parts)[0]!.entry;
const names = (members: readonly ReadMember[]): string[] => members.map(({ entry }) => entry.name.toString());
const invalid = (message: string): unknown =>
  expect.objectContaining({ code: "INVALID_TAR", message: expect.stringContaining(message) });

describe("the end of an archive", () => {
  const file = member("ustar", { name: "file" }, "content");

  it("takes empty input for an archive without entries", () => {
    expect(readArchive().members).toEqual([]);
  });

  it.each([
    ["is missing", Buffer.alloc(0)],
    ["is half there", Buffer.alloc(512)],
    ["is there", END_OF_ARCHIVE],
    ["is followed by zeros", Buffer.alloc(10_240)],
    ["is followed by text", Buffer.concat([END_OF_ARCHIVE, Buffer.from("some text")])],
    ["is followed by another archive", Buffer.concat([END_OF_ARCHIVE, file])],
  ])("hands on every byte when the end marker %s", (_, end) => {
    const archive = Buffer.concat([file, end]);
    const { members, bytes } = readArchive(archive);
    expect(names(members)).toEqual(["file"]);
    expect(bytes.equals(archive)).toBe(true);
  });

  it("is told once, before what follows it", () => {
    const events: string[] = [];
    const reader = tarReader({
      raw: (bytes) => events.push(`raw ${bytes.length}`),
      entry: () => events.push("entry"),
      payload() {},
      endEntry() {},
      endMarker: () => events.push("end marker"),
    });
    reader.write(Buffer.concat([END_OF_ARCHIVE, Buffer.alloc(2000)]));
    reader.end();
    expect(events).toEqual(["raw 512", "raw 512", "end marker", "raw 2000"]);
  });

  it("may lack the padding of the last payload", () => {
    expect(names(read(file.subarray(0, 512 + 7)))).toEqual(["file"]);
  });

  it("refuses an entry behind a single zero block", () => {
    expect(() => read(file, Buffer.alloc(512), file)).toThrow(invalid("byte 1536: a single zero block"));
  });

  it.each([
    ["a header", 100, "byte 100: the archive ends in the middle of a header"],
    ["a payload", 515, "byte 515: the archive ends in the middle of an entry's contents"],
  ])("is refused inside %s", (_, length, message) => {
    expect(() => read(file.subarray(0, length))).toThrow(invalid(message));
  });

  it.each([512, 515, 600, 1024])("is refused in an extended header or right behind it (byte %i)", (length) => {
    expect(() => read(pax({ path: "long" }).subarray(0, length))).toThrow(invalid("an"));
  });

  it("refuses an end marker where an extended header demands an entry", () => {
    expect(() => read(pax({ path: "long" }), END_OF_ARCHIVE)).toThrow(invalid("expected its entry"));
  });
});

describe("the kind of an entry", () => {
  it.each([
    ["0", "name", "file"],
    ["0", "name/", "file"],
    ["\0", "name", "file"],
    ["\0", "name/", "directory"],
    ["7", "name", "file"],
    ["1", "name", "hardlink"],
    ["2", "name", "symlink"],
    ["3", "name", "char"],
    ["4", "name", "block"],
    ["5", "name", "directory"],
    ["6", "name", "fifo"],
    ["D", "dumpdir/", "unknown"],
    ["M", "continuation", "unknown"],
    ["V", "label", "unknown"],
    ["N", "old long names", "unknown"],
    ["A", "Solaris ACL", "unknown"],
    ["X", "Solaris extended header", "unknown"],
    ["?", "whatever", "unknown"],
  ])("with type flag %j and name %j is %s", (typeflag, name, kind) => {
    expect(first(headerBlock("gnu", { name, typeflag }))).toMatchObject({ kind, typeflag });
  });

  it.each(["1", "2", "3", "4", "5", "6"])("with type flag %s has no payload, whatever size it claims", (typeflag) => {
    const members = read(
      headerBlock("ustar", { name: "a/", typeflag, size: "00000000777\0" }),
      headerBlock("ustar", {}),
    );
    expect(members[0]).toMatchObject({ entry: { size: 0, payloadSize: 0 }, pieces: [] });
    expect(members).toHaveLength(2);
  });

  it.each(["0", "\0", "7", "D", "M", "A", "X", "?"])("with type flag %j has the payload of its size", (typeflag) => {
    const [read1, next] = read(member("gnu", { name: "a", typeflag }, "payload"), headerBlock("ustar", { name: "b" }));
    expect(read1).toMatchObject({ entry: { size: 7, payloadSize: 7 }, pieces: [{ position: 0 }] });
    expect(next?.entry.name.toString()).toBe("b");
  });

  it("is told with its permission bits alone", () => {
    expect(first(headerBlock("ustar", { mode: "0104755\0" })).mode).toBe(0o4755);
  });
});

describe("GNU long names", () => {
  it("replace the header's name and link, the last of several winning, without what follows a NUL", () => {
    const header = headerBlock("gnu", { name: "short", linkname: "short", typeflag: "2" });
    const parts = [longName("L", "wrong"), longName("K", "link\0junk"), longName("L", "n".repeat(700)), header];
    expect(first(...parts)).toMatchObject({ name: Buffer.alloc(700, "n"), linkname: Buffer.from("link"), offset: 0 });
  });

  it("win over a PAX path, and leave the next entry alone", () => {
    const members = read(
      longName("L", "gnu"),
      pax({ path: "pax" }),
      headerBlock("ustar", {}),
      headerBlock("ustar", { name: "b" }),
    );
    expect(names(members)).toEqual(["gnu", "b"]);
  });

  it("may be empty", () => {
    expect(first(longName("L", ""), headerBlock("gnu", { name: "short" })).name).toHaveLength(0);
  });
});

describe("PAX headers", () => {
  it("override every field of the header", () => {
    const records = {
      path: "päth",
      linkpath: "lïnk",
      uid: "3000000000",
      gid: "-1",
      uname: "üser",
      gname: "gröup",
      mtime: "-1.5",
      atime: "5.1",
      comment: "nothing",
    };
    expect(first(pax(records), headerBlock("ustar", { name: "n", typeflag: "2" }))).toMatchObject({
      name: Buffer.from("päth"),
      linkname: Buffer.from("lïnk"),
      uid: 3_000_000_000,
      gid: -1,
      uname: "üser",
      gname: "gröup",
      mtime: { seconds: -2, nanoseconds: 500_000_000 },
    });
  });

  it("leave a field alone with an empty value", () => {
    const header = headerBlock("ustar", { name: "name", uid: "0000007\0" });
    expect(first(pax({ path: "", uid: "", mtime: "" }), header)).toMatchObject({ name: Buffer.from("name"), uid: 7 });
  });

  it("give attributes byte for byte, and no others than SCHILY's", () => {
    const value = Buffer.from("\x01\0\0\x02=\n\xff", "latin1");
    const records = {
      "SCHILY.xattr.security.capability": value,
      "SCHILY.xattr.user.empty": "",
      "LIBARCHIVE.xattr.a": "eA",
    };
    const { xattrs } = first(pax(records), headerBlock("ustar", {}));
    expect([...xattrs]).toEqual([
      ["security.capability", value],
      ["user.empty", Buffer.alloc(0)],
    ]);
  });

  it("give the size of the payload", () => {
    const members = read(
      pax({ size: "7" }),
      headerBlock("ustar", { name: "a" }),
      blocks("payload"),
      headerBlock("ustar", { name: "b" }),
    );
    expect(members[0]?.pieces[0]?.bytes.toString()).toBe("payload");
    expect(names(members)).toEqual(["a", "b"]);
  });

  it("give sizes beyond 8 GiB", () => {
    const reader = (entry: (entry: TarEntry) => void): void =>
      tarReader({ raw() {}, entry, payload() {}, endEntry() {} }).write(
        Buffer.concat([pax({ size: String(2 ** 45) }), headerBlock("ustar", { name: "a" })]),
      );
    const sizes: number[] = [];
    reader(({ payloadSize }) => sizes.push(payloadSize));
    expect(sizes).toEqual([2 ** 45]);
  });

  it("replace an earlier one for the same entry, as in Go", () => {
    const entry = first(pax({ path: "first", uid: "5" }), pax({ path: "second" }), headerBlock("ustar", { name: "n" }));
    expect(entry).toMatchObject({ name: Buffer.from("second"), uid: 0 });
  });

  it("of the global kind are checked and not applied, as in Go, and are no entry", () => {
    const members = read(pax({ path: "global", uid: "5" }, "g"), headerBlock("ustar", { name: "n" }));
    expect(members.map(({ entry }) => entry)).toMatchObject([{ name: Buffer.from("n"), uid: 0, offset: 1024 }]);
    expect(() => read(member("ustar", { typeflag: "g" }, "nonsense"))).toThrow(invalid("byte 512"));
  });

  it.each([
    ["size", "-5"],
    ["size", "99999999999999999999"],
    ["uid", "root"],
    ["mtime", "today"],
    ["atime", "today"],
  ])("are refused with %s=%s", (key, value) => {
    expect(() => read(pax({ [key]: value }), headerBlock("ustar", {}))).toThrow(invalid(`byte 0: PAX record ${key}`));
  });
});

describe("bounds", () => {
  it.each(["x", "g", "L", "K"])("refuse an extended header of type %s beyond the limit", (typeflag) => {
    const size = (EXTENDED_HEADER_LIMIT + 1).toString(8).padStart(11, "0");
    expect(() => read(headerBlock("gnu", { typeflag, size }))).toThrow(
      expect.objectContaining({ code: "LIMIT_EXCEEDED" }),
    );
  });

  it.each(["path", "linkpath"])("refuse a %s of more than 64 KiB", (key) => {
    const parts = [pax({ [key]: "n".repeat(65_537) }), headerBlock("ustar", {})];
    expect(() => read(...parts)).toThrow(expect.objectContaining({ code: "LIMIT_EXCEEDED" }));
    expect(names(read(pax({ path: "n".repeat(65_536) }), headerBlock("ustar", {})))[0]).toHaveLength(65_536);
  });
});

describe("sparse files", () => {
  const RUNS = [
    [1000, 3],
    [5000, 600],
  ] as const;
  const DATA = `abc${"d".repeat(600)}`;
  const FILE = Buffer.alloc(9000);
  FILE.write("abc", 1000);
  FILE.fill("d", 5000, 5600);

  const octal = (value: number): string => value.toString(8).padStart(11, "0");
  const oldHeader = (runs: readonly (readonly [number, number])[], extended: boolean): Buffer =>
    headerBlock("gnu", { name: "file", typeflag: "S", size: octal(DATA.length) }, (block) => {
      for (const [i, [offset, length]] of runs.entries())
        block.write(`${octal(offset)} ${octal(length)} `, 386 + 24 * i);
      block[482] = extended ? 1 : 0;
      block.write(octal(9000), 483);
    });
  const extension = Buffer.alloc(512);
  extension.write(`${octal(5000)} ${octal(600)} ${octal(9000)} ${octal(0)} `);
  const zeroDotZero = [
    ["GNU.sparse.major", "0"],
    ["GNU.sparse.minor", "0"],
    ["GNU.sparse.size", "9000"],
    ["GNU.sparse.numblocks", "2"],
    ...RUNS.flatMap(([offset, length]) => [
      ["GNU.sparse.offset", String(offset)],
      ["GNU.sparse.numbytes", String(length)],
    ]),
  ].map(([key, value]) => formatPaxRecord(key!, value!));
  const map10 = blocks("3\n1000\n3\n5000\n600\n9000\n0\n");

  it.each([
    ["GNU's old format", [oldHeader(RUNS, false), blocks(DATA)]],
    ["GNU's old format with extension blocks", [oldHeader(RUNS.slice(0, 1), true), extension, blocks(DATA)]],
    [
      "PAX 0.0",
      [member("ustar", { typeflag: "x" }, Buffer.concat(zeroDotZero)), member("ustar", { name: "file" }, DATA)],
    ],
    [
      "PAX 0.1",
      [
        pax({
          "GNU.sparse.name": "file",
          "GNU.sparse.size": "9000",
          "GNU.sparse.numblocks": "3",
          "GNU.sparse.map": "1000,3,5000,600,9000,0",
        }),
        member("ustar", { name: "GNUSparseFile.1/file" }, DATA),
      ],
    ],
    [
      "PAX 1.0",
      [
        pax({
          "GNU.sparse.major": "1",
          "GNU.sparse.minor": "0",
          "GNU.sparse.name": "file",
          "GNU.sparse.realsize": "9000",
        }),
        member("ustar", { name: "GNUSparseFile.1/file" }, Buffer.concat([map10, Buffer.from(DATA)])),
      ],
    ],
  ])("of %s are expanded", (_, parts) => {
    const archive = Buffer.concat([...parts, member("ustar", { name: "next" }, "next")]);
    const { members, bytes } = readArchive(archive);
    expect(names(members)).toEqual(["file", "next"]);
    expect(members[0]?.entry).toMatchObject({
      kind: "file",
      size: 9000,
      payloadSize: DATA.length,
      sparse: RUNS.map(([offset, length]) => ({ offset, length })),
    });
    expect(members[0]?.pieces.map(({ position }) => position)).toEqual([1000, 5000]);
    expect(expand(members[0]!).equals(FILE)).toBe(true);
    expect(bytes.equals(archive)).toBe(true);
  });

  const version10 = { "GNU.sparse.major": "1", "GNU.sparse.minor": "0", "GNU.sparse.realsize": "9000" };
  it.each([
    ["whose map is no part of a GNU header", [headerBlock("ustar", { typeflag: "S" })]],
    ["whose map ends with the payload", [pax(version10), member("ustar", {}, blocks("9\n"))]],
    ["that are directories", [pax(version10), headerBlock("ustar", { typeflag: "5" })]],
    [
      "with less data than the map says",
      [pax(version10), member("ustar", {}, Buffer.concat([map10, Buffer.from("x")]))],
    ],
  ])("%s are refused", (_, parts) => {
    expect(() => read(...parts)).toThrow(expect.objectContaining({ code: "INVALID_TAR" }));
  });

  it("are refused where the archive ends inside their map", () => {
    const parts = [oldHeader(RUNS.slice(0, 1), true), extension.subarray(0, 100)];
    expect(() => read(...parts)).toThrow(invalid("in the middle of a sparse map"));
  });
});

describe("skipPayload", () => {
  it("goes on behind the payload, whose bytes are not in the stream", () => {
    const events: string[] = [];
    const reader = tarReader({
      raw() {},
      entry: ({ name, offset }) => events.push(`${name} at ${offset}`),
      payload: () => events.push("payload"),
      endEntry: () => events.push("end"),
    });
    const archive = Buffer.concat([member("ustar", { name: "a" }, "payload"), headerBlock("ustar", { name: "b" })]);
    reader.write(archive.subarray(0, 512));
    reader.skipPayload();
    reader.write(archive.subarray(519));
    reader.end();
    expect(events).toEqual(["a at 0", "end", "b at 1024", "end"]);
  });
});

describe("a handler's error", () => {
  it("passes through write", () => {
    const failure = new Error("the disk is full");
    const fail = (): never => {
      throw failure;
    };
    const reader = tarReader({ raw() {}, entry: fail, payload() {}, endEntry() {} });
    expect(() => reader.write(headerBlock("ustar", { name: "a" }))).toThrow(failure);
  });
});
