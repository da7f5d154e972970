import { read } from "node:fs";
import { promisify } from "node:util";
import { type Compression, DETECTION_BYTES, detectCompression } from "../compression/detect.ts";
import { LayerfsError } from "../core/errors.ts";
import type { Extent } from "../core/image.ts";
import { fromNodeError } from "../sys/errno.ts";
import { pread } from "../sys/file.ts";

const CHUNK_SIZE = 512 * 1024;

const readDescriptor = promisify(read);

/**
 * The bytes of a run of a file, in order. It may be read many times and at the same time. `object` names the file in
 * messages. Fails with INVALID_ARCHIVE if the file ends inside the run, as it was cut after it was opened.
 */
export async function* readExtent({ fd, offset, length }: Extent, object: string): AsyncGenerator<Uint8Array> {
  for (let done = 0; done < length; ) {
    const size = Math.min(CHUNK_SIZE, length - done);
    const bytes = await readAt(fd, offset + done, size, object);
    if (bytes.length === 0) {
      throw cut(object, offset + done, length - done);
    }
    done += bytes.length;
    yield bytes;
  }
}

function cut(object: string, at: number, missing: number): LayerfsError {
  return new LayerfsError(
    "INVALID_ARCHIVE",
    `${object}: it ends at byte ${at}, expected ${missing} more; it was cut while in use`,
  );
}

/**
 * The same, read ahead and through the same memory over and over: a chunk is valid until the next one is asked for.
 */
export async function* streamExtent({ fd, offset, length }: Extent, object: string): AsyncGenerator<Buffer> {
  const buffers = [Buffer.allocUnsafeSlow(CHUNK_SIZE), Buffer.allocUnsafeSlow(CHUNK_SIZE)] as const;
  let at = offset;
  const readNext = async (buffer: Buffer): Promise<Buffer> => {
    const size = Math.min(CHUNK_SIZE, offset + length - at);
    const bytes = size === 0 ? buffer.subarray(0, 0) : await readAt(fd, at, size, object, buffer);
    if (bytes.length === 0 && size > 0) throw cut(object, at, offset + length - at);
    at += bytes.length;
    return bytes;
  };
  let next = readNext(buffers[0]);
  try {
    for (let turn = 1; ; turn ^= 1) {
      const bytes = await next;
      if (bytes.length === 0) return;
      next = readNext(buffers[turn] as Buffer);
      yield bytes;
    }
  } finally {
    // The memory must not be given back while it is read into; what fails then is of no use any more.
    await next.catch(() => {});
  }
}

async function readAt(
  fd: number,
  position: number,
  size: number,
  object: string,
  target: Buffer = Buffer.allocUnsafe(size),
): Promise<Buffer> {
  try {
    const { buffer, bytesRead } = await readDescriptor(fd, target, 0, size, position);
    return buffer.subarray(0, bytesRead);
  } catch (error) {
    throw fromNodeError(error, "read", object);
  }
}

/** How what lies there is packed, by its first bytes. */
export function readCompression({ fd, offset, length }: Extent): Compression {
  const first = Buffer.alloc(Math.min(length, DETECTION_BYTES));
  return detectCompression(first.subarray(0, pread(fd, first, offset)));
}
