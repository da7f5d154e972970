import { setTimeout as sleep } from "node:timers/promises";
import { throwIfCancelled } from "../../core/cancellation.ts";
import { isLayerfsError, LayerfsError } from "../../core/errors.ts";

/** How often and how long a request is repeated that failed for a passing reason. Times are in milliseconds. */
export interface RetryPolicy {
  /** The first one counts. For a blob: attempts in a row that bring not a byte. */
  readonly attempts: number;
  /** Doubled each time up to `longestWait`; a random half of it is left out, so that many clients do not come at once. */
  readonly firstWait: number;
  readonly longestWait: number;
  /** A registry that asks for a longer wait than this is not waited for. */
  readonly longestRetryAfter: number;
}

/** A request failed and will be repeated. */
export interface RetryEvent {
  /** As the user named it, such as `docker.io`. */
  readonly registry: string;
  /** What went wrong, for people. */
  readonly reason: string;
  /** Milliseconds until the next attempt. */
  readonly wait: number;
  /** Whether the registry itself asked to wait so long (Retry-After). */
  readonly asked: boolean;
  /** The number of the attempt that failed, from 1. */
  readonly attempt: number;
  readonly attempts: number;
}

export interface RetryOptions {
  readonly registry: string;
  readonly signal?: AbortSignal | undefined;
  readonly onRetry?: ((event: RetryEvent) => void) | undefined;
}

/** Failures that may be gone at the next attempt, with the wait that the other side asked for. */
const passingFailures = new WeakMap<LayerfsError, { readonly retryAfter: number | null }>();

/** Marks a failure as one that deserves another attempt. `retryAfter` is in milliseconds. */
export function passing(error: LayerfsError, retryAfter: number | null = null): LayerfsError {
  passingFailures.set(error, { retryAfter });
  return error;
}

export function isPassing(error: unknown): error is LayerfsError {
  return isLayerfsError(error) && passingFailures.has(error);
}

/** What `attempt` gives, which is called again after a passing failure. Fails as it does, or with CANCELLED. */
export async function retrying<T>(policy: RetryPolicy, options: RetryOptions, attempt: () => Promise<T>): Promise<T> {
  for (let number = 1; ; number++) {
    throwIfCancelled(options.signal);
    try {
      return await attempt();
    } catch (error) {
      throwIfCancelled(options.signal);
      await waitAfter(error, number, policy, options);
    }
  }
}

/** Waits before the next attempt after the `number`th one in a row failed; throws `error` where there is none. */
export async function waitAfter(
  error: unknown,
  number: number,
  policy: RetryPolicy,
  { registry, signal, onRetry }: RetryOptions,
): Promise<void> {
  if (!isPassing(error)) throw error;
  const retryAfter = passingFailures.get(error)?.retryAfter ?? null;
  if (number >= policy.attempts) throw givenUp(error, number);
  if (retryAfter !== null && retryAfter > policy.longestRetryAfter) throw tooLong(error, retryAfter);
  const wait = Math.max(backoff(number, policy), retryAfter ?? 0);
  onRetry?.({
    registry,
    reason: reasonOf(error, registry),
    wait,
    asked: retryAfter !== null,
    attempt: number,
    attempts: policy.attempts,
  });
  await cancellableSleep(wait, signal);
}

/** The message without the name of the registry, which an event tells by itself. */
export function reasonOf({ message }: LayerfsError, registry: string): string {
  const prefix = `registry ${registry}: `;
  return message.startsWith(prefix) ? message.slice(prefix.length) : message;
}

function backoff(number: number, { firstWait, longestWait }: RetryPolicy): number {
  const wait = Math.min(firstWait * 2 ** (number - 1), longestWait);
  return Math.round(wait / 2 + (Math.random() * wait) / 2);
}

async function cancellableSleep(milliseconds: number, signal: AbortSignal | undefined): Promise<void> {
  try {
    await sleep(milliseconds, undefined, signal === undefined ? {} : { signal });
  } catch (error) {
    throwIfCancelled(signal);
    throw error;
  }
}

function givenUp(error: LayerfsError, attempts: number): LayerfsError {
  if (attempts === 1) return error;
  const { code, message, hint, errno } = error;
  return new LayerfsError(code, `${message}; gave up after ${attempts} attempts`, { hint, errno, cause: error });
}

function tooLong(error: LayerfsError, retryAfter: number): LayerfsError {
  const seconds = Math.ceil(retryAfter / 1000);
  return new LayerfsError(error.code, `${error.message}; it asks to come back in ${seconds} seconds`, {
    hint: error.hint ?? "try again later",
    cause: error,
  });
}

/** Milliseconds that a Retry-After header asks to wait, given in seconds or as a date (RFC 9110, section 10.2.3). */
export function parseRetryAfter(value: string | undefined, now: number): number | null {
  if (value === undefined) return null;
  const text = value.trim();
  if (/^\d{1,9}$/.test(text)) return Number(text) * 1000;
  const date = /^[A-Za-z]{3,9},? /.test(text) ? Date.parse(text) : Number.NaN;
  return Number.isNaN(date) ? null : Math.max(0, date - now);
}
