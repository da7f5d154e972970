import { pipeline } from "node:stream/promises";
import { createGzip, createZstdCompress } from "node:zlib";

const CHUNK_SIZE = 128 << 10;

/**
 * The compressed bytes of `source`: one gzip member of level 6 without a name or a time, or one zstd frame. The same
 * bytes give the same bytes under one version of Node.js. Errors of `source` pass through as they are.
 */
export async function* compress(source: AsyncIterable<Uint8Array>, kind: "gzip" | "zstd"): AsyncGenerator<Buffer> {
  const stream =
    kind === "gzip" ? createGzip({ chunkSize: CHUNK_SIZE }) : createZstdCompress({ chunkSize: CHUNK_SIZE });
  const fed = pipeline(source, stream).catch((error: unknown) => error);
  try {
    for await (const chunk of stream) yield chunk;
  } finally {
    stream.destroy();
    await fed;
  }
}
