import { describe, expect, it } from "vitest";
import { type FileRecord, parseRecords, recordedSize, type SegmentRecord } from "./tar-split-records.ts";

async function* inChunks(text: string, chunkSize: number): AsyncGenerator<Buffer> {
  for (let at = 0; at < text.length; at += chunkSize) yield Buffer.from(text.slice(at, at + chunkSize));
}

async function parse(text: string, chunkSize = 7): Promise<(SegmentRecord | FileRecord)[]> {
  const records = [];
  for await (const record of parseRecords(inChunks(text, chunkSize))) records.push(record);
  return records;
}

const TEXT = `{"type":2,"payload":"AAEC","position":0}
{"type":1,"name":"a","size":5,"payload":"AAAAAAAAAAE=","position":1}
{"type":1,"name_raw":"/w==","payload":null,"position":2}
{"type":1,"payload":null,"position":3}
{"type":2,"payload":"","position":4}
`;

describe("parseRecords", () => {
  it.each([1, 7, 1000])("reads Docker's lines in chunks of %i bytes", async (chunkSize) => {
    const none = { size: 0, checksum: Buffer.alloc(0) };
    expect(await parse(TEXT, chunkSize)).toEqual([
      { type: 2, payload: Buffer.of(0, 1, 2) },
      { type: 1, name: Buffer.from("a"), size: 5, checksum: Buffer.of(0, 0, 0, 0, 0, 0, 0, 1) },
      { type: 1, name: Buffer.of(255), ...none },
      { type: 1, name: Buffer.alloc(0), ...none },
      { type: 2, payload: Buffer.alloc(0) },
    ]);
  });

  it("reads a last line without a newline", async () => {
    expect(await parse(TEXT.trimEnd())).toHaveLength(5);
  });

  it.each([
    ["text", "not JSON\n"],
    ["an empty line", "\n"],
    ["null", "null\n"],
    ["an unknown type", '{"type":3,"payload":"","position":0}\n'],
    ["a position that is not its own", '{"type":2,"payload":"","position":1}\n'],
    ["a payload that is a number", '{"type":2,"payload":5,"position":0}\n'],
    ["a negative size", '{"type":1,"name":"a","size":-1,"payload":"","position":0}\n'],
    ["a size that is a fraction", '{"type":1,"name":"a","size":1.5,"payload":"","position":0}\n'],
    ["half a line", '{"type":2,"payl'],
  ])("refuses %s", async (_, text) => {
    await expect(parse(text)).rejects.toMatchObject({ code: "CORRUPT_STORE" });
  });
});

describe("recordedSize", () => {
  const sizeOf = (text: string, chunkSize: number): Promise<number> => recordedSize(inChunks(text, chunkSize));
  const segment = (bytes: number): string =>
    `{"type":2,"payload":"${Buffer.alloc(bytes).toString("base64")}","position":0}`;

  it.each([1, 7, 1000])("is that of all segments and files, in chunks of %i bytes", async (chunkSize) => {
    expect(await sizeOf(TEXT, chunkSize)).toBe(3 + 5);
  });

  it.each([0, 1, 2, 3, 4, 511, 512])("knows a segment of %i bytes without its content", async (bytes) => {
    expect(await sizeOf(segment(bytes), 100)).toBe(bytes);
    expect(await sizeOf(`{"position":0,"payload":"${Buffer.alloc(bytes).toString("base64")}","type":2}`, 100)).toBe(
      bytes,
    );
  });

  it("fails for a line that is no record", async () => {
    for (const text of ["{}", "x", '{"type":3,"position":0}']) {
      await expect(sizeOf(text, 100)).rejects.toMatchObject({ code: "CORRUPT_STORE" });
    }
  });
});
