import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { blocks, headerBlock, member } from "../../test/support/tar.ts";
import { crc64, crc64Bytes } from "./crc64.ts";
import { formatPaxRecord } from "./pax.ts";
import { tarReader } from "./reader.ts";
import { assembleTar, readHeaders, SEGMENT_LIMIT, splitRecorder } from "./tar-split.ts";
import { END_OF_ARCHIVE } from "./writer.ts";

interface Split {
  readonly records: Buffer;
  /** Content by name in latin1, of those files that are not in the records. */
  readonly files: Map<string, Buffer[]>;
}

/** Splits as a layer store does: whole files beside the records, everything else inside them. */
function split(archive: Buffer, chunkSize = 700): Split {
  const recorder = splitRecorder();
  const files = new Map<string, Buffer[]>();
  const drained: Buffer[] = [];
  let content: Buffer[] | undefined;
  const reader = tarReader({
    raw: (bytes) => recorder.raw(bytes),
    entry(entry) {
      const stored = entry.kind === "file" && entry.sparse === null;
      content = stored ? [] : undefined;
      if (content !== undefined) files.set(entry.name.toString("latin1"), content);
      recorder.entry(entry.name, stored ? "file" : entry.payloadSize > 0 ? "inline" : "none");
    },
    payload(bytes) {
      content?.push(Buffer.from(bytes));
      recorder.payload(bytes);
    },
    endEntry: () => recorder.endEntry(),
    endMarker: () => recorder.endMarker(),
  });
  for (let at = 0; at < archive.length; at += chunkSize) {
    reader.write(archive.subarray(at, at + chunkSize));
    drained.push(recorder.drain());
  }
  reader.end();
  recorder.end();
  drained.push(recorder.drain());
  return { records: Buffer.concat(drained), files };
}

async function* inChunks(bytes: Buffer, size = 100): AsyncGenerator<Buffer> {
  for (let at = 0; at < bytes.length; at += size) yield Buffer.from(bytes.subarray(at, at + size));
}

async function join({ records, files }: Split): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of assembleTar(inChunks(records), (name) => files.get(name.toString("latin1"))!))
    chunks.push(chunk);
  return Buffer.concat(chunks);
}

const parsed = (records: Buffer): Record<string, unknown>[] =>
  records
    .toString()
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line));

const ARCHIVE = Buffer.concat([
  headerBlock("ustar", { name: "etc/", typeflag: "5" }),
  member("ustar", { name: "etc/passwd" }, "root"),
  headerBlock("ustar", { name: "etc/empty" }),
  headerBlock("ustar", { name: "etc/link", typeflag: "2", linkname: "passwd" }),
  END_OF_ARCHIVE,
  Buffer.from("junk"),
]);

describe("splitRecorder", () => {
  it("writes the lines that Docker writes", () => {
    const header = (index: number): string => ARCHIVE.subarray(index * 512, index * 512 + 512).toString("base64");
    const checksum = crc64Bytes(crc64(0n, Buffer.from("root"))).toString("base64");
    const paddingAndHeader = ARCHIVE.subarray(1028, 2048).toString("base64");
    expect(split(ARCHIVE).records.toString().split("\n")).toEqual([
      `{"type":2,"payload":"${header(0)}","position":0}`,
      `{"type":1,"name":"etc/","payload":null,"position":1}`,
      `{"type":2,"payload":"${header(1)}","position":2}`,
      `{"type":1,"name":"etc/passwd","size":4,"payload":"${checksum}","position":3}`,
      `{"type":2,"payload":"${paddingAndHeader}","position":4}`,
      `{"type":1,"name":"etc/empty","payload":null,"position":5}`,
      `{"type":2,"payload":"${header(4)}","position":6}`,
      `{"type":1,"name":"etc/link","payload":null,"position":7}`,
      `{"type":2,"payload":"${END_OF_ARCHIVE.toString("base64")}","position":8}`,
      `{"type":2,"payload":"${Buffer.from("junk").toString("base64")}","position":9}`,
      "",
    ]);
  });

  it("ends with an empty segment where nothing follows the end marker", () => {
    const { records } = split(Buffer.concat([member("ustar", { name: "a" }, "a"), END_OF_ARCHIVE]));
    expect(parsed(records).at(-1)).toEqual({ type: 2, payload: "", position: 3 });
  });

  it("records nothing for an empty archive", () => {
    expect(split(Buffer.alloc(0)).records).toHaveLength(0);
  });

  it.each([
    ["not UTF-8", Buffer.from("gr\xfcn", "latin1"), { name_raw: Buffer.from("gr\xfcn", "latin1").toString("base64") }],
    ["not ASCII", Buffer.from("grün"), { name: "grün" }],
    ["empty", Buffer.alloc(0), {}],
    ["full of what JSON escapes", Buffer.from('"\\\n\t<&>\u2028'), { name: '"\\\n\t<&>\u2028' }],
  ])("keeps a name that is %s", async (_, name, field) => {
    const recorder = splitRecorder();
    recorder.entry(name, "none");
    recorder.endEntry();
    const records = recorder.drain();
    expect(parsed(records)).toEqual([{ type: 1, ...field, payload: null, position: 0 }]);
    expect(records.includes("<")).toBe(false);
  });

  it("cuts long segments and long inline payloads into pieces", () => {
    const recorder = splitRecorder();
    recorder.entry(Buffer.from("sparse"), "inline");
    for (let i = 0; i < 5; i++) recorder.payload(Buffer.alloc(700_000, i));
    recorder.endEntry();
    recorder.end();
    const sizes = parsed(recorder.drain())
      .slice(1)
      .map(({ payload }) => Buffer.from(payload as string, "base64").length);
    expect(sizes).toEqual([SEGMENT_LIMIT, SEGMENT_LIMIT, SEGMENT_LIMIT, 3_500_000 - 3 * SEGMENT_LIMIT]);
  });
});

describe("assembleTar", () => {
  it("gives the archive back byte for byte, junk and all", async () => {
    expect((await join(split(ARCHIVE))).equals(ARCHIVE)).toBe(true);
  });

  const content = fc.uint8Array({ maxLength: 1500 }).map((bytes) => Buffer.from(bytes));
  const entry = fc.tuple(fc.constantFrom("0", "5", "D", "S", "x"), content).map(([typeflag, bytes]) => {
    if (typeflag !== "x") return { typeflag, bytes };
    return { typeflag, bytes: formatPaxRecord("SCHILY.xattr.user.a", bytes) };
  });
  it("joins what splitRecorder split, for any archive in chunks of any size", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(entry),
        content,
        fc.integer({ min: 1, max: 2000 }),
        async (entries, junk, chunkSize) => {
          const members = entries.map(({ typeflag, bytes }, i) => archiveMember(`name ${i}\xff`, typeflag, bytes));
          const archive = Buffer.concat([...members, END_OF_ARCHIVE, junk]);
          expect((await join(split(archive, chunkSize))).equals(archive)).toBe(true);
        },
      ),
    );
  });

  it.each([
    ["changed", "r00t", "CRC-64"],
    ["shorter", "roo", "3, expected 4 bytes"],
    ["longer", "root!", "more, expected 4 bytes"],
    ["gone", "", "0, expected 4 bytes"],
  ])("names a file whose content is %s", async (_, found, message) => {
    const { records } = split(ARCHIVE);
    const files = new Map([["etc/passwd", [Buffer.from(found)]]]);
    await expect(join({ records, files })).rejects.toMatchObject({
      code: "DIGEST_MISMATCH",
      message: expect.stringMatching(new RegExp(`etc/passwd.*${message}`)),
    });
  });

  it("passes an error of openFile through", async () => {
    const failure = new Error("no such file");
    const assembled = assembleTar(inChunks(split(ARCHIVE).records), () => {
      throw failure;
    });
    const all = async (): Promise<void> => {
      for await (const chunk of assembled) expect(chunk).toHaveLength(512);
    };
    await expect(all()).rejects.toBe(failure);
  });
});

describe("readHeaders", () => {
  it("gives the entries without their contents, with the names that were recorded", async () => {
    const name = "gr\xfcn";
    const archive = Buffer.concat([
      archiveMember("sparse", "S", Buffer.from("data")),
      member("ustar", { name }, "x"),
      ARCHIVE,
    ]);
    const entries = [];
    for await (const recorded of readHeaders(inChunks(split(archive).records))) entries.push(recorded);
    const names = entries.map(({ recordedName }) => recordedName.toString("latin1"));
    expect(names).toEqual(["sparse", name, "etc/", "etc/passwd", "etc/empty", "etc/link"]);
    expect(entries.map(({ entry }) => entry.size)).toEqual([100, 1, 0, 4, 0, 0]);
    expect(entries[5]?.entry).toMatchObject({ kind: "symlink", linkname: Buffer.from("passwd") });
  });

  it("refuses records that end inside an archive's entry", async () => {
    const lines = split(ARCHIVE).records.toString().split("\n");
    const cut = headerBlock("ustar", {}).subarray(0, 100).toString("base64");
    const records = Buffer.from(`${lines.slice(0, 2).join("\n")}\n{"type":2,"payload":"${cut}","position":2}\n`);
    const all = async (): Promise<void> => {
      for await (const _ of readHeaders(inChunks(records)));
    };
    await expect(all()).rejects.toMatchObject({ code: "INVALID_TAR" });
  });
});

function archiveMember(name: string, typeflag: string, bytes: Buffer): Buffer {
  if (typeflag === "5") return headerBlock("ustar", { name: `${name}/`, typeflag });
  if (typeflag === "x") return Buffer.concat([member("ustar", { typeflag }, bytes), headerBlock("ustar", { name })]);
  if (typeflag !== "S") return member("ustar", { name, typeflag }, bytes);
  const size = bytes.length.toString(8).padStart(11, "0");
  const sparse = headerBlock("gnu", { name, typeflag, size }, (block) => {
    block.write(`00000000000 ${size} `, 386);
    block.write((bytes.length + 96).toString(8).padStart(11, "0"), 483);
  });
  return Buffer.concat([sparse, blocks(bytes)]);
}
