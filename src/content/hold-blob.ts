import { closeSync, constants, fstatSync, openSync, rmSync, statSync } from "node:fs";
import { join } from "node:path";
import type { Descriptor } from "../core/descriptor.ts";
import type { Digest } from "../core/digest.ts";
import { LayerfsError } from "../core/errors.ts";
import { fsyncDirectory } from "../sys/durable.ts";
import { fromNodeError } from "../sys/errno.ts";
import { acquireLock, type Lock, tryLock } from "../sys/lock.ts";
import { makeDirectories } from "../sys/make-directories.ts";
import { type Arrival, makeArrival } from "./arrival.ts";

/**
 * Blobs on their way into the store lie in one directory: the bytes in `<algorithm>-<hex>`, and beside them
 * `<algorithm>-<hex>.state` (blob-state.ts). Three locks, taken in this order:
 *
 * - `lock`, exclusive, for moments: files are made and removed under it only;
 * - the state file, shared, by everyone who needs the blob: while anyone has it, the blob is not swept;
 * - the file of bytes, exclusive, by the one that fetches it; the others wait and then find it whole.
 */
export const STATE_SUFFIX = ".state";
const MUTEX = "lock";

/** A blob that stays on disk while it is held. */
export interface HeldBlob {
  readonly descriptor: Descriptor;
  /** The file of its bytes, which any thread of this process may read as far as `arrival` tells. */
  readonly fd: number;
  /** The state file, open for writing. */
  readonly stateFd: number;
  readonly arrival: Arrival;
  /**
   * Ends it. `keep`: the bytes stay for whoever goes on later; else the last one to release the blob removes it.
   */
  release(options: { readonly keep: boolean }): Promise<void>;
  /** Takes bytes that are wrong out of the way of all who come later; those who have the file open keep it. */
  discard(): Promise<void>;
}

/** Makes sure that a blob's file is there, empty or not, and that it stays. Fails as the system does. */
export async function holdBlob(directory: string, descriptor: Descriptor, signal?: AbortSignal): Promise<HeldBlob> {
  makeDirectories(directory, 0o700);
  const path = join(directory, blobName(descriptor.digest));
  using _moment = await moment(directory, signal);
  const isNew = statSync(path, { throwIfNoEntry: false }) === undefined;
  const { stateFd, fd, close } = openBoth(path);
  if (isNew) fsyncDirectory(directory);
  return {
    descriptor,
    fd,
    stateFd,
    arrival: makeArrival(),
    async release({ keep }) {
      if (keep) return close();
      // What cannot be removed is not held for ever.
      using _moment = await moment(directory).finally(close);
      removeUnused(path);
    },
    async discard() {
      using _moment = await moment(directory);
      if (statSync(path, { throwIfNoEntry: false })?.ino === fstatSync(fd).ino) rmSync(path);
    },
  };
}

/** Opens a blob's two files and locks the state file, shared. */
function openBoth(path: string): { readonly stateFd: number; readonly fd: number; readonly close: () => void } {
  const statePath = path + STATE_SUFFIX;
  const opened: number[] = [];
  const close = (): void => {
    for (const fd of opened.splice(0)) closeSync(fd);
  };
  try {
    const stateFd = open(statePath);
    opened.push(stateFd);
    const fd = open(path);
    opened.push(fd);
    const lock = tryLock(descriptorPath(stateFd), "shared");
    if (lock === null) throw new LayerfsError("ROOT_IN_USE", `${statePath} is locked by another program`);
    opened.push(lock.fd);
    return { stateFd, fd, close };
  } catch (error) {
    close();
    throw error;
  }
}

/** Waits until nobody else fetches the blob. */
export function lockForFetching({ fd }: HeldBlob, signal: AbortSignal | undefined): Promise<Lock> {
  return acquireLock(descriptorPath(fd), "exclusive", { signal, timeoutMs: Number.POSITIVE_INFINITY });
}

/** Under the directory's lock. False where somebody holds the blob. */
export function removeUnused(path: string): boolean {
  using lock = tryLock(path + STATE_SUFFIX, "exclusive", 0o600);
  if (lock === null) return false;
  rmSync(path, { force: true });
  rmSync(path + STATE_SUFFIX, { force: true });
  return true;
}

/** null where another process has the directory at this moment. */
export function tryMoment(directory: string): Lock | null {
  return tryLock(join(directory, MUTEX), "exclusive", 0o600);
}

export function blobName(digest: Digest): string {
  return digest.replace(":", "-");
}

function moment(directory: string, signal?: AbortSignal): Promise<Lock> {
  return acquireLock(join(directory, MUTEX), "exclusive", { signal, createMode: 0o600 });
}

/** Opens a descriptor's own file anew, so that it can be locked beside others, whatever name it has now. */
function descriptorPath(fd: number): string {
  return `/proc/self/fd/${fd}`;
}

function open(path: string): number {
  try {
    return openSync(path, constants.O_RDWR | constants.O_CREAT, 0o600);
  } catch (error) {
    throw fromNodeError(error, "open", path);
  }
}
