import { LayerfsError, printable } from "../core/errors.ts";

/** Longest path that the kernel takes in one call, without its NUL (PATH_MAX - 1). */
export const MAX_PATH = 4095;

/**
 * Gives names to native calls: copies a name into one of two reused buffers and ends it with NUL, since an allocation
 * a call would cost more than the call. The result is valid until the next use of the same slot; a call with two names
 * takes `first` for one and `second` for the other.
 *
 * Returns null for a name longer than MAX_PATH, which the caller reports as ENAMETOOLONG. Fails with INVALID_LAYER on
 * a NUL inside the name, which the kernel would take for its end.
 */
export function first(name: Uint8Array): Buffer | null {
  return terminate(name, SCRATCH.first);
}

/** The other slot of `first`. */
export function second(name: Uint8Array): Buffer | null {
  return terminate(name, SCRATCH.second);
}

/** `name` with a NUL, in memory of its own. Fails with INVALID_LAYER on a NUL inside. */
export function terminated(name: string | Uint8Array): Buffer {
  const bytes = typeof name === "string" ? Buffer.from(name) : name;
  rejectNul(bytes);
  const copy = Buffer.alloc(bytes.length + 1);
  copy.set(bytes);
  return copy;
}

const SCRATCH = { first: Buffer.alloc(MAX_PATH + 1), second: Buffer.alloc(MAX_PATH + 1) };

function terminate(name: Uint8Array, scratch: Buffer): Buffer | null {
  rejectNul(name);
  if (name.length > MAX_PATH) return null;
  scratch.set(name);
  scratch[name.length] = 0;
  return scratch;
}

function rejectNul(name: Uint8Array): void {
  if (name.includes(0)) {
    throw new LayerfsError("INVALID_LAYER", `name "${printable(name)}": a name cannot contain a NUL byte`);
  }
}
