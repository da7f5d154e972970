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
      throw new LayerfsError(
        "INVALID_ARCHIVE",
        `${object}: it ends at byte ${offset + done}, expected ${length - done} more; it was cut while in use`,
      );
    }
    done += bytes.length;
    yield bytes;
  }
}

/** How what lies there is packed, by its first bytes. */
export function readCompression({ fd, offset, length }: Extent): Compression {
  const first = Buffer.alloc(Math.min(length, DETECTION_BYTES));
  return detectCompression(first.subarray(0, pread(fd, first, offset)));
}

async function readAt(fd: number, position: number, size: number, object: string): Promise<Buffer> {
  try {
    const { buffer, bytesRead } = await readDescriptor(fd, Buffer.allocUnsafe(size), 0, size, position);
    return buffer.subarray(0, bytesRead);
  } catch (error) {
    throw fromNodeError(error, "read", object);
  }
}
