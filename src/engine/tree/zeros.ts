import { setImmediate } from "node:timers/promises";
import { throwIfCancelled } from "../../core/cancellation.ts";

const ZEROS = Buffer.alloc(64 << 10);
const CHUNKS_A_TURN = 256;

/**
 * The bytes of a hole, which may be of any size. Nothing has to be waited for to read them: the event loop gets its turns
 * in between, or the process would hear no signal until the end. CANCELLED once the signal is aborted.
 */
export async function* zeros(count: number, signal?: AbortSignal): AsyncGenerator<Buffer> {
  let chunks = 0;
  for (let left = count; left > 0; left -= ZEROS.length) {
    if (++chunks % CHUNKS_A_TURN === 0) {
      await setImmediate();
      throwIfCancelled(signal);
    }
    yield ZEROS.subarray(0, Math.min(left, ZEROS.length));
  }
}
