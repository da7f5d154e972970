import type { Transform } from "node:stream";
import { pipeline } from "node:stream/promises";
import { createGunzip, createZstdDecompress } from "node:zlib";
import { LayerfsError } from "../core/errors.ts";
import { type Compression, DETECTION_BYTES, detectCompression } from "./detect.ts";
import { zstdFrames } from "./zstd-frames.ts";

/** Size of the chunks that come out. Four times that is no quicker, and leaves four times the garbage in memory. */
export const CHUNK_SIZE: number = 128 << 10;

/**
 * The uncompressed bytes of `source`, whose compression is told by its first bytes. gzip may have several members and zstd
 * several frames, skippable ones among them. A damaged or cut off stream and anything behind the last member or frame is
 * INVALID_COMPRESSION (Docker refuses it too); bzip2 and xz are UNSUPPORTED. Errors of `source` pass through as they are.
 * Inflating happens on libuv's thread pool. Leaving the loop early ends `source` and frees the decompressor.
 */
export async function* decompress(source: AsyncIterable<Uint8Array>): AsyncGenerator<Buffer> {
  const { first, all, close } = await peek(source);
  const kind = detectCompression(first);
  switch (kind) {
    case "gzip":
      return yield* gunzip(all);
    case "zstd":
      return yield* through(zstdFrames(all), createZstdDecompress({ chunkSize: CHUNK_SIZE }), kind);
    case "none":
      for await (const chunk of all) yield Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength);
      return;
    default:
      await close();
      throw new LayerfsError("UNSUPPORTED", `the blob is compressed with ${kind}, expected gzip, zstd or nothing`, {
        hint: `unpack it with ${kind} first`,
      });
  }
}

async function* gunzip(source: AsyncIterable<Uint8Array>): AsyncGenerator<Buffer> {
  let given = 0;
  async function* counted(): AsyncGenerator<Uint8Array> {
    for await (const chunk of source) {
      given += chunk.length;
      yield chunk;
    }
  }
  const stream = createGunzip({ chunkSize: CHUNK_SIZE });
  yield* through(counted(), stream, "gzip");
  // Node takes zeros behind the last member for padding and stops there; Go's gzip, and so Docker, refuses them.
  if (stream.bytesWritten < given)
    throw damaged("gzip", `something else than a member follows at byte ${stream.bytesWritten}`);
}

async function* through(
  source: AsyncIterable<Uint8Array>,
  stream: Transform,
  kind: Compression,
): AsyncGenerator<Buffer> {
  const fed = pipeline(source, stream).catch((error: unknown) => error);
  try {
    for await (const chunk of stream) yield chunk;
  } catch (error) {
    throw isZlibError(error) ? damaged(kind, error.message, error) : error;
  } finally {
    stream.destroy();
    await fed;
  }
}

function isZlibError(error: unknown): error is NodeJS.ErrnoException {
  if (!(error instanceof Error) || !("code" in error)) return false;
  return /^(Z_|ZSTD_)/.test(String(error.code));
}

/** The failure of a stream that is damaged or cut off. */
export function damaged(kind: Compression, problem: string, cause?: unknown): LayerfsError {
  return new LayerfsError("INVALID_COMPRESSION", `${kind} stream: ${problem}`, {
    hint: "the blob is damaged or cut off; fetch it again",
    cause,
  });
}

interface Peeked {
  readonly first: Uint8Array;
  /** Everything from the start; to be read or closed. */
  readonly all: AsyncIterable<Uint8Array>;
  close(): Promise<void>;
}

async function peek(source: AsyncIterable<Uint8Array>): Promise<Peeked> {
  const iterator = source[Symbol.asyncIterator]();
  const chunks: Uint8Array[] = [];
  let length = 0;
  let next = await iterator.next();
  while (!next.done) {
    chunks.push(next.value);
    length += next.value.length;
    if (length >= DETECTION_BYTES) break;
    next = await iterator.next();
  }
  const close = async (): Promise<void> => void (await iterator.return?.());
  async function* all(): AsyncGenerator<Uint8Array> {
    try {
      yield* chunks;
      while (!next.done) {
        next = await iterator.next();
        if (!next.done) yield next.value;
      }
    } finally {
      await close();
    }
  }
  return { first: Buffer.concat(chunks), all: all(), close };
}
