import { zstdCompressSync } from "node:zlib";
import { describe, expect, it } from "vitest";
import { zstdFrames } from "./zstd-frames.ts";

const ONE = zstdCompressSync("one");
const TWO = zstdCompressSync(Buffer.alloc(500_000, "two"));
const SKIPPABLE = Buffer.from("5f2a4d1803000000aabbcc", "hex");

async function frames(...chunks: Buffer[]): Promise<Buffer[]> {
  async function* source(): AsyncGenerator<Buffer> {
    yield* chunks;
  }
  const cut: Buffer[] = [];
  for await (const part of zstdFrames(source())) cut.push(Buffer.from(part));
  return cut;
}

describe("zstdFrames", () => {
  it("gives each frame of one chunk by itself, without skippable ones", async () => {
    expect(await frames(Buffer.concat([SKIPPABLE, ONE, SKIPPABLE, TWO, ONE]))).toEqual([ONE, TWO, ONE]);
  });

  it("gives every byte of a frame whose magic number lies in two chunks", async () => {
    const parts = await frames(
      ONE.subarray(0, 3),
      Buffer.concat([ONE.subarray(3), TWO.subarray(0, 2)]),
      TWO.subarray(2),
    );
    expect(Buffer.concat(parts).equals(Buffer.concat([ONE, TWO]))).toBe(true);
  });

  it("passes the pieces of a long frame on without a copy", async () => {
    const chunk = TWO.subarray(0, 20);
    const iterator = zstdFrames(
      (async function* () {
        yield chunk;
        yield TWO.subarray(20);
      })(),
    );
    const { value } = await iterator.next();
    expect(value?.buffer).toBe(chunk.buffer);
    await iterator.return(undefined);
  });

  it.each([
    ["something else than a frame", Buffer.concat([ONE, Buffer.from("else")]), `byte ${ONE.length}`],
    ["a frame without its end", ONE.subarray(0, -1), "inside a frame"],
    ["a skippable frame without its end", SKIPPABLE.subarray(0, -1), "skipped"],
    ["half a magic number", Buffer.concat([ONE, ONE.subarray(0, 2)]), "magic"],
    ["a block of the reserved type", Buffer.from("28b52ffd2000070000", "hex"), "byte 6"],
  ])("refuses %s, saying where", async (_, bytes, where) => {
    await expect(frames(bytes)).rejects.toMatchObject({
      code: "INVALID_COMPRESSION",
      message: expect.stringContaining(where),
    });
  });
});
