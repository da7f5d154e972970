import { createHash } from "node:crypto";
import { throwIfCancelled } from "../core/cancellation.ts";
import type { OutgoingBlob } from "../core/destination.ts";
import { digestFromHex } from "../core/digest.ts";
import type { Extent } from "../core/image.ts";
import { readExtent } from "../source/extent.ts";
import { openSpoolFile } from "../source/spool-file.ts";

export interface SpoolOptions {
  readonly spoolDirectory: string;
  /** Called before so many bytes are kept there; what it throws ends it. */
  readonly beforeSpooling?: ((bytes: number) => void) | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** What is kept, also for threads that read it where it lies. */
export interface Spooled extends OutgoingBlob, AsyncDisposable {
  readonly extent: Extent;
}

/**
 * Keeps bytes until their end is reached and their digest is known; only then can they go out. They lie in a file without
 * a name that vanishes when this is disposed of. Codes: NO_SPACE, PERMISSION, SYSTEM, CANCELLED, those of the bytes.
 */
export async function spool(
  bytes: AsyncIterable<Uint8Array>,
  { spoolDirectory, beforeSpooling, signal }: SpoolOptions,
): Promise<Spooled> {
  const { file, write } = await openSpoolFile(spoolDirectory);
  try {
    const hash = createHash("sha256");
    let size = 0;
    for await (const chunk of bytes) {
      throwIfCancelled(signal);
      hash.update(chunk);
      beforeSpooling?.(chunk.length);
      await write(Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength));
      size += chunk.length;
    }
    const extent = { fd: file.fd, offset: 0, length: size };
    return {
      digest: digestFromHex(hash.digest("hex")),
      size,
      extent,
      open: () => readExtent(extent, "temporary file"),
      [Symbol.asyncDispose]: () => file.close(),
    };
  } catch (error) {
    await file.close();
    throw error;
  }
}
