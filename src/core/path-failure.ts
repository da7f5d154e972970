import { LayerfsError, printable } from "./errors.ts";

const REASONS = {
  ENOENT: "no such file or directory",
  ENOTDIR: "not a directory",
  ELOOP: "too many levels of symbolic links",
} as const;

/** That a path leads to nothing: NOT_FOUND in the words of POSIX for its errno. */
export function pathFailure(errno: keyof typeof REASONS, path: Buffer): LayerfsError {
  return new LayerfsError("NOT_FOUND", `${printable(path)}: ${REASONS[errno]}`, { errno });
}
