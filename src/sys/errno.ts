import { constants } from "node:os";
import { type ErrorCode, LayerfsError, printable } from "../core/errors.ts";

// Error numbers of Linux that callers tell apart (asm-generic/errno.h); equal on x86-64 and arm64.
export const EPERM = 1;
export const ENOENT = 2;
export const EINTR = 4;
export const EIO = 5;
export const E2BIG = 7;
export const EAGAIN = 11;
export const ENOMEM = 12;
export const EACCES = 13;
export const EBUSY = 16;
export const EEXIST = 17;
export const EXDEV = 18;
export const ENODEV = 19;
export const ENOTDIR = 20;
export const EISDIR = 21;
export const EINVAL = 22;
export const ENOSPC = 28;
export const EROFS = 30;
export const EMLINK = 31;
export const ERANGE = 34;
export const ENAMETOOLONG = 36;
export const ENOSYS = 38;
export const ENOTEMPTY = 39;
export const ELOOP = 40;
export const ENODATA = 61;
export const EOPNOTSUPP = 95;
export const ETIMEDOUT = 110;
export const EDQUOT = 122;

/** Aliases are left out, so that a number always gets the same name. */
const NAMES: ReadonlyMap<number, string> = new Map(
  Object.entries(constants.errno)
    .filter(([name]) => name !== "EWOULDBLOCK" && name !== "ENOTSUP")
    .map(([name, number]) => [number, name]),
);

const CODES: ReadonlyMap<number, ErrorCode> = new Map<number, ErrorCode>([
  [ENOSPC, "NO_SPACE"],
  [EDQUOT, "NO_SPACE"],
  [EPERM, "PERMISSION"],
  [EACCES, "PERMISSION"],
  [EROFS, "READ_ONLY"],
]);

const HINTS: Partial<Readonly<Record<ErrorCode, string>>> = {
  NO_SPACE: "free some space or inodes on that file system (df, df -i)",
  READ_ONLY: "mount the file system for writing, or use another one",
};

/** "ENOENT" for 2; "errno 999" for a number that has no name here. The sign does not matter. */
export function errnoName(errno: number): string {
  const number = Math.abs(errno);
  return NAMES.get(number) ?? `errno ${number}`;
}

/**
 * The error of a failed system call: `cannot <action> <object>: <ERRNO>`. The sign of `errno` does not matter, so a
 * negative result can be passed as it is.
 *
 * Codes: ENOSPC and EDQUOT are NO_SPACE, EPERM and EACCES are PERMISSION, EROFS is READ_ONLY, the rest SYSTEM.
 */
export function systemError(errno: number, action: string, object: string | Buffer): LayerfsError {
  const name = errnoName(errno);
  const code = CODES.get(Math.abs(errno)) ?? "SYSTEM";
  return new LayerfsError(code, `cannot ${action} ${printable(object)}: ${name}`, { errno: name, hint: HINTS[code] });
}

/**
 * The LayerfsError for an error that Node's own `fs` threw, with `systemError`'s codes; anything else is returned as
 * it is.
 */
export function fromNodeError(error: unknown, action: string, object: string | Buffer): unknown {
  if (!(error instanceof Error) || !("errno" in error) || typeof error.errno !== "number") return error;
  const failure = systemError(error.errno, action, object);
  return new LayerfsError(failure.code, failure.message, { errno: failure.errno, hint: failure.hint, cause: error });
}

/** As `fromNodeError`, for callers that cannot tell more than the error itself: its call and, where it has one, path. */
export function fromAnyError(error: unknown): unknown {
  if (error instanceof LayerfsError || !(error instanceof Error) || !("syscall" in error)) return error;
  return fromNodeError(error, String(error.syscall), "path" in error ? String(error.path) : "a file");
}
