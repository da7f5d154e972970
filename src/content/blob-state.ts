import { createHash } from "node:crypto";
import { readSync } from "node:fs";
import { bootID } from "../sys/namespace.ts";

/** What is known of a blob's bytes on disk. It stands in a file of one sector, which is overwritten where it lies. */
export interface BlobState {
  /** The start of the system in which bytes were last written; what was written in this one is in the page cache. */
  readonly boot: string;
  /** Bytes from the start of the file that were synced. */
  readonly durable: number;
}

const SIZE = 128;

export function encodeState(durable: number): Buffer {
  const text = `${bootID()} ${durable}`;
  return Buffer.from(`${text} ${checksum(text)}\n`.padEnd(SIZE));
}

/** null where nothing was written yet, or only a part of it. */
export function readState(fd: number): BlobState | null {
  const bytes = Buffer.alloc(SIZE);
  const text = bytes
    .subarray(0, readSync(fd, bytes, 0, SIZE, 0))
    .toString("latin1")
    .trimEnd();
  const [, state = "", boot = "", durable, sum] = /^((\S+) (\d+)) (\S+)$/.exec(text) ?? [];
  return sum === checksum(state) ? { boot, durable: Number(durable) } : null;
}

/** How many of a file's `size` bytes are the ones that were written, whatever became of the system since. */
export function trustedBytes(state: BlobState | null, size: number): number {
  if (state === null) return 0;
  return state.boot === bootID() ? size : Math.min(size, state.durable);
}

function checksum(text: string): string {
  return createHash("sha256").update(text).digest("hex").slice(0, 16);
}
