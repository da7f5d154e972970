import type { FileHandle } from "node:fs/promises";
import { throwIfCancelled } from "../core/cancellation.ts";
import { type TarHandler, tarReader } from "../tar/reader.ts";

const BLOCK_SIZE = 512;
/** Read at once where headers are looked for: small files lie close together. */
const WINDOW_SIZE = 64 * 1024;
/** Stands for payloads that are not read; the reader only counts them. */
const ZEROS = Buffer.alloc(512 * 1024);

/**
 * Gives an archive in a file to a tar handler without reading its payloads, so that an archive of any size is walked
 * in a few reads: `handler.payload` gets zeros in their stead. Ends at the end marker.
 * Fails with INVALID_TAR as the tar reader does, also if the last payload goes past the file's end.
 */
export async function walkArchive(
  file: FileHandle,
  length: number,
  handler: TarHandler,
  signal: AbortSignal | undefined,
): Promise<void> {
  let payload = 0;
  let isAtEnd = false;
  const reader = tarReader({
    ...handler,
    entry: (entry) => {
      payload = entry.payloadSize;
      handler.entry(entry);
    },
    endMarker: () => {
      isAtEnd = true;
    },
  });
  const window = windowOn(file, length);
  for (let position = 0; position < length && !isAtEnd; ) {
    throwIfCancelled(signal);
    const block = await window(position, BLOCK_SIZE - (position % BLOCK_SIZE));
    if (block.length === 0) break;
    reader.write(block);
    position += block.length;
    for (let left = Math.min(payload, length - position); left > 0; left -= ZEROS.length) {
      const skipped = Math.min(left, ZEROS.length);
      reader.write(ZEROS.subarray(0, skipped));
      position += skipped;
    }
    payload = 0;
  }
  reader.end();
}

/** Reads small pieces through a buffer; a piece is shorter at the end and valid until the next one is read. */
function windowOn(file: FileHandle, length: number): (position: number, size: number) => Promise<Buffer> {
  const buffer = Buffer.alloc(WINDOW_SIZE);
  let [start, end] = [0, 0];
  return async (position, size) => {
    const wantedEnd = Math.min(position + size, length);
    if (position < start || wantedEnd > end) {
      const { bytesRead } = await file.read(buffer, 0, Math.min(WINDOW_SIZE, length - position), position);
      [start, end] = [position, position + bytesRead];
    }
    return buffer.subarray(position - start, Math.min(wantedEnd, end) - start);
  };
}
