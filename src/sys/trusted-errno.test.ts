import { expect, it, vi } from "vitest";
import { EAGAIN, EINTR, EIO, ENOENT } from "./errno.ts";
import { trustedCalls } from "./trusted-errno.ts";

/** A call that gives these results, with these numbers in errno behind each failure. */
function outcomes(results: readonly number[], errnos: readonly number[]) {
  const call = vi.fn<() => number>();
  for (const result of results) call.mockReturnValueOnce(result);
  const readErrno = vi.fn<() => number>();
  for (const errno of errnos) readErrno.mockReturnValueOnce(errno);
  return { call, calls: trustedCalls(readErrno) };
}

it("hands arguments and results on, and asks for no errno where nothing failed", () => {
  const { call, calls } = outcomes([7], []);
  expect(calls.wrap(call, true)(1, 2, 3)).toBe(7);
  expect(call.mock.calls[0]?.slice(0, 3)).toEqual([1, 2, 3]);
});

it.each([
  ["an error that names a fault of the call is believed", true, [-1], [ENOENT], -1, ENOENT],
  ["one that the engine may have put there is asked for again", true, [-1, -1], [EAGAIN, ENOENT], -1, ENOENT],
  ["what succeeds then has succeeded", true, [-1, 5], [EINTR], 5, EINTR],
  ["what says the same again and again is true", true, [-1, -1, -1, -1], [EAGAIN, EAGAIN, EAGAIN, EAGAIN], -1, EAGAIN],
  ["a call that must not be repeated is not", false, [-1], [EAGAIN], -1, EAGAIN],
  ["an error of the disk is believed", true, [-1], [EIO], -1, EIO],
])("%s", (_, repeatable, results, errnos, result, errno) => {
  const { call, calls } = outcomes(results, errnos);
  expect(calls.wrap(call, repeatable)()).toBe(result);
  expect(calls.errno()).toBe(errno);
  expect(call).toHaveBeenCalledTimes(results.length);
});
