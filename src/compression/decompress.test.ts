import { randomBytes } from "node:crypto";
import { setImmediate as turn } from "node:timers/promises";
import { constants, gzipSync, zstdCompressSync } from "node:zlib";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { decompress } from "./decompress.ts";

const FIRST = Buffer.alloc(2_000_000, "the first part ");
const SECOND = randomBytes(4_000);
const BOTH = Buffer.concat([FIRST, SECOND]);
const SKIPPABLE = Buffer.from("5a2a4d180500000068656c6c6f", "hex");
const EMPTY_SKIPPABLE = Buffer.from("502a4d1800000000", "hex");

const CHECKSUMMED = { params: { [constants.ZSTD_c_checksumFlag]: 1 } };

const GZIP = Buffer.concat([gzipSync(FIRST), gzipSync(SECOND)]);
const ZSTD_FRAMES = [
  SKIPPABLE,
  zstdCompressSync(FIRST),
  EMPTY_SKIPPABLE,
  SKIPPABLE,
  zstdCompressSync(SECOND),
  SKIPPABLE,
];
const ZSTD = Buffer.concat(ZSTD_FRAMES);

async function* inChunks(bytes: Buffer, size: number): AsyncGenerator<Buffer> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

async function collect(chunks: AsyncIterable<Buffer>): Promise<Buffer> {
  const collected: Buffer[] = [];
  for await (const chunk of chunks) collected.push(chunk);
  return Buffer.concat(collected);
}

describe("decompress", () => {
  describe.each([
    ["gzip of several members", GZIP],
    ["zstd of several frames with skippable ones between", ZSTD],
    ["nothing", BOTH],
  ])("given %s", (_, packed) => {
    it.each([1, 2, 3, 511, 65_536, 1e9])("gives every byte when chunks have %i bytes", async (size) => {
      expect((await collect(decompress(inChunks(packed, size)))).equals(BOTH)).toBe(true);
    });
  });

  it("gives nothing for an empty source", async () => {
    expect(await collect(decompress(inChunks(Buffer.alloc(0), 1)))).toHaveLength(0);
  });

  it("gives nothing for skippable frames alone", async () => {
    expect(await collect(decompress(inChunks(SKIPPABLE, 3)))).toHaveLength(0);
  });

  it("reads zstd frames of every header form", async () => {
    const parts = [0, 1, 255, 256, 65_791, 65_792, 300_000].map((length) => randomBytes(length));
    const frames = parts.flatMap((part) => [zstdCompressSync(part), zstdCompressSync(part, CHECKSUMMED)]);
    const expected = Buffer.concat(parts.flatMap((part) => [part, part]));
    expect((await collect(decompress(inChunks(Buffer.concat(frames), 1000)))).equals(expected)).toBe(true);
  });

  it("does not depend on how zstd frames are cut into chunks", async () => {
    const packed = Buffer.concat([
      zstdCompressSync("one"),
      SKIPPABLE,
      zstdCompressSync("two"),
      zstdCompressSync("three"),
    ]);
    const cuts = fc.array(fc.integer({ min: 0, max: packed.length }), { maxLength: 12 });
    await fc.assert(
      fc.asyncProperty(cuts, async (points) => {
        const sorted = [0, ...points.toSorted((a, b) => a - b), packed.length];
        async function* source(): AsyncGenerator<Buffer> {
          for (let i = 1; i < sorted.length; i++) yield packed.subarray(sorted[i - 1], sorted[i]);
        }
        expect((await collect(decompress(source()))).toString()).toBe("onetwothree");
      }),
    );
  });

  const member = gzipSync(SECOND.subarray(0, 3000));
  const frame = zstdCompressSync(SECOND.subarray(0, 3000));
  it.each([
    ["gzip", member],
    ["zstd", Buffer.concat([SKIPPABLE, frame])],
  ])("refuses %s cut off at any tenth byte", async (_, packed) => {
    const wholeWithout = packed.length - frame.length;
    const lengths = Array.from({ length: Math.floor((packed.length - 1) / 10) }, (_, i) => (i + 1) * 10);
    const cut = lengths.filter((length) => packed === member || length !== wholeWithout);
    expect(cut.length).toBeGreaterThan(250);
    for (const length of cut) {
      const result = collect(decompress(inChunks(packed.subarray(0, length), 997)));
      await expect(result, `at ${length}`).rejects.toMatchObject({ code: "INVALID_COMPRESSION" });
    }
  });

  it.each([
    ["gzip followed by text", Buffer.concat([GZIP, Buffer.from("text")])],
    ["gzip followed by zeros", Buffer.concat([GZIP, Buffer.alloc(100)])],
    ["zstd followed by text", Buffer.concat([ZSTD, Buffer.from("text")])],
    ["zstd followed by two bytes", Buffer.concat([ZSTD, Buffer.from("te")])],
    ["gzip with a wrong checksum", damagedAt(gzipSync(SECOND), -6)],
    ["zstd with a wrong checksum", damagedAt(zstdCompressSync(SECOND, CHECKSUMMED), -2)],
    ["zstd with a damaged header", damagedAt(zstdCompressSync(SECOND), 4)],
  ])("refuses %s, however it is cut into chunks", async (_, packed) => {
    for (const size of [1000, GZIP.length, ZSTD.length, 1e9]) {
      const result = collect(decompress(inChunks(packed, size)));
      await expect(result).rejects.toMatchObject({ code: "INVALID_COMPRESSION" });
    }
  });

  it.each([
    ["bzip2", "425a6839314159265359"],
    ["xz", "fd377a585a000004"],
  ])("names %s as unsupported and closes the source", async (name, hex) => {
    const source = watched(Buffer.from(hex.padEnd(40, "0"), "hex"));
    await expect(collect(decompress(source.chunks))).rejects.toMatchObject({
      code: "UNSUPPORTED",
      message: expect.stringContaining(name),
    });
    expect(source.closed()).toBe(true);
  });

  it.each([
    ["gzip", gzipSync(randomBytes(3_000_000))],
    ["zstd", zstdCompressSync(randomBytes(3_000_000))],
    ["nothing", randomBytes(3_000_000)],
  ])("closes a source of %s when the reader leaves early", async (_, packed) => {
    const source = watched(packed);
    for await (const chunk of decompress(source.chunks)) {
      expect(chunk.length).toBeGreaterThan(0);
      break;
    }
    await turn();
    expect(source.closed()).toBe(true);
  });

  it("passes an error of the source through", async () => {
    const failure = new Error("the network is down");
    async function* source(): AsyncGenerator<Buffer> {
      yield GZIP.subarray(0, 100);
      throw failure;
    }
    await expect(collect(decompress(source()))).rejects.toBe(failure);
  });
});

function damagedAt(bytes: Buffer, index: number): Buffer {
  const copy = Buffer.from(bytes);
  copy[index < 0 ? copy.length + index : index]! ^= 0xff;
  return copy;
}

function watched(bytes: Buffer): { chunks: AsyncIterable<Buffer>; closed(): boolean } {
  let closed = false;
  async function* chunks(): AsyncGenerator<Buffer> {
    try {
      yield* inChunks(bytes, 64 << 10);
    } finally {
      closed = true;
    }
  }
  return { chunks: chunks(), closed: () => closed };
}
