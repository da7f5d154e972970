import type { Writable } from "node:stream";
import { createZstdCompress } from "node:zlib";
import { gzip } from "./gzip.ts";

const CHUNK_SIZE = 128 << 10;

/**
 * The compressed bytes of `source`: one gzip member (see `gzip`), or one zstd frame. The same bytes give the same bytes,
 * in whatever pieces they come, under one version of Node.js. A chunk of `source` may be written over when the next is
 * asked for. Errors of `source` pass through as they are; leaving the loop early ends it.
 */
export function compress(source: AsyncIterable<Uint8Array>, kind: "gzip" | "zstd"): AsyncGenerator<Buffer> {
  return kind === "gzip" ? gzip(source) : zstd(source);
}

async function* zstd(source: AsyncIterable<Uint8Array>): AsyncGenerator<Buffer> {
  const stream = createZstdCompress({ chunkSize: CHUNK_SIZE });
  const fed = feed(source, stream).then(
    () => null,
    (error: Error) => {
      stream.destroy();
      return { error };
    },
  );
  try {
    for await (const chunk of stream) yield chunk;
  } catch (error) {
    const failure = await fed;
    throw failure === null ? error : failure.error;
  } finally {
    stream.destroy();
    await fed;
  }
  const failure = await fed;
  if (failure !== null) throw failure.error;
}

/**
 * zstd compresses otherwise where its last piece is told to be the last, and Node.js does so if the end comes early
 * enough: each piece is therefore taken before the next, and before the end.
 */
async function feed(source: AsyncIterable<Uint8Array>, stream: Writable): Promise<void> {
  for await (const piece of equalPieces(source)) {
    await new Promise<void>((resolve, reject) => {
      stream.write(piece, (error) => (error ? reject(error) : resolve()));
    });
  }
  stream.end();
}

/** Of CHUNK_SIZE each, but for the last. */
async function* equalPieces(source: AsyncIterable<Uint8Array>): AsyncGenerator<Buffer> {
  const piece = Buffer.allocUnsafe(CHUNK_SIZE);
  let fill = 0;
  for await (const chunk of source) {
    for (let at = 0; at < chunk.length; ) {
      const part = chunk.subarray(at, at + CHUNK_SIZE - fill);
      piece.set(part, fill);
      fill += part.length;
      at += part.length;
      if (fill < CHUNK_SIZE) continue;
      yield piece;
      fill = 0;
    }
  }
  if (fill > 0) yield piece.subarray(0, fill);
}
