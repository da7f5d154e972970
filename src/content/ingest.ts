import { fdatasync, fstatSync, ftruncateSync, write } from "node:fs";
import { promisify } from "node:util";
import type { Descriptor } from "../core/descriptor.ts";
import { LayerfsError, withObject } from "../core/errors.ts";
import { fromNodeError } from "../sys/errno.ts";
import { endArrival, failArrival, tellArrived } from "./arrival.ts";
import { encodeState, readState, trustedBytes } from "./blob-state.ts";
import { type HeldBlob, lockForFetching } from "./hold-blob.ts";

export interface IngestOptions {
  /** The blob's bytes from `offset` to its end. */
  readonly open: (offset: number) => AsyncIterable<Uint8Array>;
  readonly signal?: AbortSignal | undefined;
  /** Called before bytes are written, and may refuse them by throwing. */
  readonly beforeWriting?: ((count: number) => void) | undefined;
  /** Called first with the bytes that an earlier attempt or another process left, then for each chunk that came. */
  readonly onBytes?: ((count: number, origin: "disk" | "network") => void) | undefined;
}

/**
 * Bytes are synced as soon as so many are not, one sync at a time; those that come meanwhile wait once twice as many
 * are not synced. So that is the most that a crash of the machine costs; `kill -9` costs nothing that was written.
 */
export const SYNC_EVERY: number = 2 * 1024 * 1024;

const writeAt = promisify(write);
const sync = promisify(fdatasync);

/**
 * Fetches what is not there yet of a held blob, and tells `blob.arrival` as it grows. Where somebody else is fetching it, waits.
 * The bytes are counted; their digest is for whoever reads them. After a failure `arrival` has failed too, and the next
 * attempt goes on where this one stopped.
 *
 * Codes: DIGEST_MISMATCH (more or fewer bytes than its descriptor says), CANCELLED, those of `open` and of the system.
 */
export async function ingestBlob(blob: HeldBlob, options: IngestOptions): Promise<void> {
  try {
    using _lock = await lockForFetching(blob, options.signal);
    const found = await resume(blob);
    tellArrived(blob.arrival, found);
    options.onBytes?.(found, "disk");
    if (found < blob.descriptor.size) await append(blob, found, options);
    endArrival(blob.arrival);
  } catch (error) {
    failArrival(blob.arrival);
    const object = `blob ${blob.descriptor.digest}`;
    throw withObject(fromNodeError(error, "write", object), object);
  }
}

/** Cuts the file to the bytes that can be relied upon. Returns their count. */
async function resume({ fd, stateFd, descriptor }: HeldBlob): Promise<number> {
  const { size } = fstatSync(fd);
  const trusted = trustedBytes(readState(stateFd), size);
  const found = trusted > descriptor.size ? 0 : trusted;
  if (found === size && found === descriptor.size && size > 0) return found;
  ftruncateSync(fd, found);
  await noteDurable(fd, stateFd, found);
  return found;
}

async function append(blob: HeldBlob, found: number, options: IngestOptions): Promise<void> {
  const { fd, stateFd, descriptor, arrival } = blob;
  const syncing = syncer(fd, stateFd, found);
  let size = found;
  try {
    for await (const chunk of options.open(found)) {
      if (size + chunk.length > descriptor.size) throw wrongSize(descriptor, `at least ${size + chunk.length}`);
      options.beforeWriting?.(chunk.length);
      await writeAll(fd, chunk, size);
      size += chunk.length;
      tellArrived(arrival, size);
      options.onBytes?.(chunk.length, "network");
      await syncing.written(size);
    }
  } finally {
    await syncing.end();
  }
  if (size !== descriptor.size) throw wrongSize(descriptor, String(size));
}

interface Syncer {
  /** Resolves at once unless too much is not synced. */
  written(size: number): Promise<void>;
  end(): Promise<void>;
}

function syncer(fd: number, stateFd: number, from: number): Syncer {
  let started = from;
  let running: Promise<void> = Promise.resolve();
  let done = from;
  return {
    async written(size) {
      if (size - done >= 2 * SYNC_EVERY) await running;
      if (started !== done || size - done < SYNC_EVERY) return;
      started = size;
      running = oneAtATime(async () => {
        await noteDurable(fd, stateFd, size);
        done = size;
      });
      running.catch(() => {}); // told by the next `written`, or by `end`
    },
    end: () => running,
  };
}

async function noteDurable(fd: number, stateFd: number, size: number): Promise<void> {
  if (size > 0) await sync(fd);
  const state = encodeState(size);
  await writeAll(stateFd, state, 0);
  await sync(stateFd);
}

let lastSync: Promise<void> = Promise.resolve();

/** Syncs of several blobs follow each other: each keeps one of the few threads busy that inflating needs too. */
function oneAtATime(act: () => Promise<void>): Promise<void> {
  const run = lastSync.then(act);
  lastSync = run.catch(() => {});
  return run;
}

async function writeAll(fd: number, bytes: Uint8Array, position: number): Promise<void> {
  for (let done = 0; done < bytes.length; ) {
    const { bytesWritten } = await writeAt(fd, bytes, done, bytes.length - done, position + done);
    done += bytesWritten;
  }
}

function wrongSize({ digest, size }: Descriptor, found: string): LayerfsError {
  return new LayerfsError("DIGEST_MISMATCH", `blob ${digest}: expected ${size} bytes, found ${found}`);
}
