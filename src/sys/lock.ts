import { closeSync, constants, openSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { LayerfsError } from "../core/errors.ts";
import { check, orErrno } from "./at.ts";
import { EAGAIN, fromNodeError } from "./errno.ts";
import { native } from "./native.ts";

export type LockMode = "shared" | "exclusive";

/** A held flock(2) lock; it ends with `release()`, with `using`, and with the process. */
export interface Lock extends Disposable {
  readonly fd: number;
  /** Releasing twice is harmless. */
  release(): void;
}

export interface LockOptions {
  readonly signal?: AbortSignal | undefined;
  /** Longest wait; 30 000 by default. */
  readonly timeoutMs?: number | undefined;
  /** Make the lock file with these permissions if it is absent; without it an absent file is an error. */
  readonly createMode?: number | undefined;
}

/**
 * Locks the file `path`, waiting while others hold it. The main thread is never blocked. Each call opens the file
 * anew, so two calls in one process exclude each other as two processes do.
 *
 * Fails with ROOT_IN_USE when `timeoutMs` have passed, CANCELLED when `signal` is aborted.
 * A lock file must never be removed or replaced: a lock is on the file, not on its name.
 */
export async function acquireLock(path: string, mode: LockMode, options: LockOptions = {}): Promise<Lock> {
  const { signal, timeoutMs = 30_000, createMode } = options;
  const deadline = performance.now() + timeoutMs;
  for (let delay = 1; ; delay = Math.min(delay * 2, 50)) {
    if (signal?.aborted) throw cancelled(path, signal);
    const lock = tryLock(path, mode, createMode);
    if (lock !== null) return lock;
    const left = deadline - performance.now();
    if (left <= 0) throw timedOut(path, mode, timeoutMs);
    await pause(Math.min(delay, left), path, signal);
  }
}

/** The lock, or null if another holds it in a way that excludes `mode`. */
export function tryLock(path: string, mode: LockMode, createMode?: number): Lock | null {
  const fd = open(path, createMode);
  const result = orErrno(native().flock(fd, (mode === "shared" ? LOCK_SH : LOCK_EX) | LOCK_NB));
  if (result < 0) closeSync(fd);
  if (result === -EAGAIN) return null;
  check(result, "lock", path);
  return held(fd);
}

/** Locks a file that is open and that nobody else can know yet. The lock ends when the descriptor is closed. */
export function lockDescriptor(fd: number): void {
  check(orErrno(native().flock(fd, LOCK_EX | LOCK_NB)), "lock", `descriptor ${fd}`);
}

const LOCK_SH = 1;
const LOCK_EX = 2;
const LOCK_NB = 4;

function open(path: string, createMode: number | undefined): number {
  // In somebody else's data root it may be a pipe, which would wait for a writer.
  const flags = constants.O_RDONLY | constants.O_NONBLOCK;
  try {
    return createMode === undefined ? openSync(path, flags) : openSync(path, flags | constants.O_CREAT, createMode);
  } catch (error) {
    throw fromNodeError(error, "open lock file", path);
  }
}

function held(fd: number): Lock {
  let open = true;
  const release = () => {
    if (open) closeSync(fd);
    open = false;
  };
  return { fd, release, [Symbol.dispose]: release };
}

async function pause(milliseconds: number, path: string, signal: AbortSignal | undefined): Promise<void> {
  try {
    await sleep(milliseconds, undefined, { signal });
  } catch (error) {
    if (signal?.aborted) throw cancelled(path, signal);
    throw error;
  }
}

function cancelled(path: string, signal: AbortSignal): LayerfsError {
  return new LayerfsError("CANCELLED", `waiting for the lock ${path} was cancelled`, { cause: signal.reason });
}

function timedOut(path: string, mode: LockMode, timeoutMs: number): LayerfsError {
  return new LayerfsError(
    "ROOT_IN_USE",
    `lock ${path}: not had (${mode}) within ${timeoutMs} ms, another program holds it`,
    {
      hint: "wait for the other program to end, then try again",
    },
  );
}
