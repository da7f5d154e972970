import { createHash } from "node:crypto";
import { type Digest, digestAlgorithm } from "./digest.ts";
import { LayerfsError } from "./errors.ts";

export interface Expected {
  readonly digest: Digest;
  /** Bytes; undefined where nothing promises a number. */
  readonly size?: number | undefined;
}

/**
 * The same bytes. They end with DIGEST_MISMATCH, naming `object` and what was found, where they are not the promised
 * ones; no more of them than `size` are given on.
 */
export async function* verified<T extends Uint8Array>(
  source: AsyncIterable<T>,
  { digest, size }: Expected,
  object: string,
): AsyncGenerator<T> {
  const algorithm = digestAlgorithm(digest);
  const hash = createHash(algorithm);
  let count = 0;
  for await (const chunk of source) {
    count += chunk.length;
    if (size !== undefined && count > size) throw mismatch(object, digest, `it has more than ${size} bytes`);
    hash.update(chunk);
    yield chunk;
  }
  if (size !== undefined && count < size) throw mismatch(object, digest, `expected ${size} bytes, found ${count}`);
  const found = `${algorithm}:${hash.digest("hex")}`;
  if (found !== digest) throw mismatch(object, digest, `its bytes have the digest ${found}`);
}

/** The failure of bytes that have another digest than was promised. */
export function mismatch(object: string, digest: Digest, problem: string): LayerfsError {
  return new LayerfsError("DIGEST_MISMATCH", `${object} ${digest}: ${problem}`, {
    hint: "the image is damaged; make or fetch it again",
  });
}
