import { execFileSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import { gunzipSync } from "node:zlib";
import { describe, expect, it } from "vitest";
import { digestOf } from "../core/digest.ts";
import { gzip } from "./gzip.ts";

async function* chunksOf(bytes: Buffer, size: number): AsyncGenerator<Buffer> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

async function zipped(bytes: Buffer, chunkSize = 65_537): Promise<Buffer> {
  return collect(gzip(chunksOf(bytes, chunkSize)));
}

async function collect(source: AsyncIterable<Buffer>): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of source) chunks.push(chunk);
  return Buffer.concat(chunks);
}

const MIB = 1 << 20;
const text = Buffer.from("a layer is a changeset of a file system\n".repeat(90_000));

describe("gzip", () => {
  it.each([
    ["nothing", Buffer.alloc(0)],
    ["a byte", Buffer.from("a")],
    ["exactly a block", text.subarray(0, MIB)],
    ["a byte more than a block", text.subarray(0, MIB + 1)],
    ["several blocks", text],
    ["what cannot be compressed", randomBytes(2 * MIB + 7)],
  ])("makes one member of %s, which gzip and node:zlib read", async (_, bytes) => {
    const member = await zipped(bytes);
    expect(gunzipSync(member).equals(bytes)).toBe(true);
    expect(execFileSync("gzip", ["-dc"], { input: member, maxBuffer: 16 * MIB }).equals(bytes)).toBe(true);
  });

  it("gives the same bytes however the source is cut", async () => {
    const whole = await zipped(text, text.length);
    for (const size of [511, 4096, MIB, MIB + 1]) expect((await zipped(text, size)).equals(whole)).toBe(true);
  });

  it("gives bytes that hold no time, no name and no system", async () => {
    expect((await zipped(text)).subarray(0, 10).toString("hex")).toBe("1f8b08000000000000ff");
  });

  it("takes chunks that are written over when the next is asked for", async () => {
    async function* reusing(): AsyncGenerator<Buffer> {
      const chunk = Buffer.alloc(1000);
      for (let number = 0; number < 2500; number++) yield chunk.fill(number % 256);
    }
    const expected = Array.from({ length: 2500 }, (_, number) => Buffer.alloc(1000, number % 256));
    const member = await collect(gzip(reusing()));
    expect(digestOf(gunzipSync(member))).toBe(digestOf(Buffer.concat(expected)));
  });

  it("passes on the source's error", async () => {
    async function* failing(): AsyncGenerator<Buffer> {
      yield text;
      throw new Error("the disk is on fire");
    }
    await expect(collect(gzip(failing()))).rejects.toThrow("the disk is on fire");
  });
});
