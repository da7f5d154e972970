import { gunzipSync, zstdDecompressSync } from "node:zlib";
import { describe, expect, it } from "vitest";
import { randomBytesOf } from "../../test/support/random.ts";
import { compress } from "./compress.ts";

const CONTENT = Buffer.concat([Buffer.alloc(300_000, "abcdefg"), randomBytesOf("noise", 200_000)]);

async function* pieces(bytes: Buffer, size: number): AsyncGenerator<Buffer> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

async function collect(source: AsyncIterable<Buffer>): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of source) chunks.push(chunk);
  return Buffer.concat(chunks);
}

describe.each([
  ["gzip", gunzipSync],
  ["zstd", zstdDecompressSync],
] as const)("compress with %s", (kind, decompress) => {
  it.each([CONTENT, Buffer.alloc(0), Buffer.from("a")])("gives back what went in", async (content) => {
    expect(decompress(await collect(compress(pieces(content, 1000), kind))).equals(content)).toBe(true);
  });

  it("gives the same bytes in whatever pieces they come", async () => {
    const packed = await collect(compress(pieces(CONTENT, CONTENT.length), kind));
    for (const size of [1 << 17, 64 << 10, 777, 333_333]) {
      expect((await collect(compress(pieces(CONTENT, size), kind))).equals(packed)).toBe(true);
    }
  });

  it("fails as its source does", async () => {
    async function* failing(): AsyncGenerator<Buffer> {
      yield CONTENT;
      throw new Error("the source broke");
    }
    await expect(collect(compress(failing(), kind))).rejects.toThrow("the source broke");
  });

  it("ends its source where nobody reads on", async () => {
    let ended = false;
    async function* endless(): AsyncGenerator<Buffer> {
      try {
        for (let turn = 0; ; turn++) yield randomBytesOf(String(turn), 100_000);
      } finally {
        ended = true;
      }
    }
    let count = 0;
    for await (const _ of compress(endless(), kind)) if (++count === 3) break;
    expect(ended).toBe(true);
  });
});
