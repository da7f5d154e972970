import { LayerfsError } from "../core/errors.ts";

/** The INVALID_TAR error for `problem` found at byte `offset` of the (uncompressed) archive. */
export function malformed(offset: number, problem: string): LayerfsError {
  return new LayerfsError("INVALID_TAR", `tar archive at byte ${offset}: ${problem}`, {
    hint: "the archive is damaged, cut off, or is not a tar archive; fetch or create it again",
  });
}

/** The LIMIT_EXCEEDED error for something at byte `offset` that is larger than layerfs is willing to hold. */
export function tooLarge(offset: number, what: string, size: number, limit: number): LayerfsError {
  return new LayerfsError(
    "LIMIT_EXCEEDED",
    `tar archive at byte ${offset}: ${what} of ${size} bytes, the limit is ${limit}`,
    { hint: "no file system holds such an entry; the archive is damaged or hostile" },
  );
}
