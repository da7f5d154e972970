import { constants } from "node:os";
import { isLayerfsError, printable } from "../../../core/errors.ts";

const REASONS = {
  ENOENT: "no such file or directory",
  ENOTDIR: "not a directory",
  ELOOP: "too many symbolic links encountered",
  EISDIR: "illegal operation on a directory",
  EINVAL: "invalid argument",
  ENXIO: "no such device or address",
  EACCES: "permission denied",
  EROFS: "read-only file system",
  EBADF: "bad file descriptor",
} as const;

export type NodeErrno = keyof typeof REASONS;

/** An error as `node:fs` throws it, with `code`, `errno`, `syscall` and `path`. */
export function nodeError(code: NodeErrno, syscall: string, path?: Uint8Array | string): NodeJS.ErrnoException {
  const where = path === undefined ? "" : ` '${printable(path)}'`;
  const error: NodeJS.ErrnoException = new Error(`${code}: ${REASONS[code]}, ${syscall}${where}`);
  const text = path === undefined ? {} : { path: typeof path === "string" ? path : Buffer.from(path).toString() };
  return Object.assign(error, { code, errno: -constants.errno[code], syscall, ...text });
}

/** What a view says of a path, as `node:fs` says it; everything else as it is. */
export function asNodeError(error: unknown, syscall: string, path: Uint8Array | string): unknown {
  if (!isLayerfsError(error) || error.errno === undefined || !(error.errno in REASONS)) return error;
  if (error.code !== "NOT_FOUND" && error.code !== "UNSUPPORTED") return error;
  return Object.assign(nodeError(error.errno as NodeErrno, syscall, path), { cause: error });
}
