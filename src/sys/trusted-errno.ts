import { EAGAIN, EINTR, ENOMEM, ETIMEDOUT } from "./errno.ts";

/** A function of the C library; it takes at most six arguments. */
export type NativeCall = (...parameters: unknown[]) => number;

/** Native calls together with the error number of the last one that failed. */
export interface TrustedCalls {
  /** `repeatable`: a failure of the call changes nothing, so that it may be asked again why it failed. */
  wrap(call: NativeCall, repeatable: boolean): NativeCall;
  errno(): number;
}

/**
 * What waiting for locks and asking for memory leave in errno. Node.js does both on its own account, and may do so between
 * the return of a native call and the reading of its errno: statx was once seen to give EAGAIN, on a busy machine, for a
 * name that was merely absent. It has no such error of its own.
 */
const DOUBTFUL: ReadonlySet<number> = new Set([0, EINTR, EAGAIN, ENOMEM, ETIMEDOUT]);
const MAX_REPETITIONS = 3;

/** Reads errno right behind each failure, and asks again where it may be another's. */
export function trustedCalls(readErrno: () => number): TrustedCalls {
  let last = 0;
  return {
    errno: () => last,
    wrap: (call, repeatable) => {
      const most = repeatable ? MAX_REPETITIONS : 0;
      // Rest parameters would cost an array a call.
      return (a, b, c, d, e, f) => {
        let result = call(a, b, c, d, e, f);
        if (result !== -1) return result;
        last = readErrno();
        for (let repetitions = 0; repetitions < most && DOUBTFUL.has(last); repetitions++) {
          result = call(a, b, c, d, e, f);
          if (result !== -1) return result;
          last = readErrno();
        }
        return result;
      };
    },
  };
}
