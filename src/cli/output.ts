import type { OutputStream } from "./context.ts";

/** Resolves when the system has the bytes; fails with the stream's error, such as EPIPE. */
export function write(stream: OutputStream, bytes: string | Uint8Array): Promise<void> {
  return new Promise((resolve, reject) => {
    stream.write(bytes, (error) => (error ? reject(error) : resolve()));
  });
}

/** Writes chunk by chunk and never asks for the next one before the last is written. The stream stays open. */
export async function writeAll(
  stream: OutputStream,
  chunks: AsyncIterable<string | Uint8Array>,
  signal: AbortSignal,
): Promise<void> {
  for await (const chunk of chunks) {
    signal.throwIfAborted();
    await write(stream, chunk);
  }
}

/** The reader of our output has gone, as in `layerfs images | head -1`. */
export function isBrokenPipe(error: unknown): boolean {
  return error instanceof Error && "code" in error && error.code === "EPIPE";
}
