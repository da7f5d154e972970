import { createHash } from "node:crypto";
import type { Descriptor } from "../core/descriptor.ts";
import { digestAlgorithm } from "../core/digest.ts";
import { LayerfsError } from "../core/errors.ts";
import { MAX_JSON_BYTES } from "../core/json.ts";

/** Where the manifests, indexes and configs of images lie. */
export interface Documents {
  /** For messages: `OCI layout /x`, `registry r.example: repository lab/x`. */
  readonly title: string;
  /** What to do where bytes are not those that a digest promises. */
  readonly remedy: string;
  /** What a descriptor names, verified. Codes: those of `readDocument`, and of the place. */
  read(descriptor: Descriptor): Promise<Uint8Array>;
}

/**
 * A manifest, index or config that a descriptor names: its own `data`, else what `fetch` gives, verified by size and
 * digest. Codes: LIMIT_EXCEEDED (more than MAX_JSON_BYTES; nothing is fetched then), DIGEST_MISMATCH.
 */
export async function readDocument(
  place: Pick<Documents, "title" | "remedy">,
  descriptor: Descriptor,
  fetch: () => Promise<Uint8Array>,
): Promise<Uint8Array> {
  if (descriptor.size > MAX_JSON_BYTES) throw tooLarge(place.title, `document ${descriptor.digest}`, descriptor.size);
  const bytes = descriptor.data ?? (await fetch());
  if (bytes.length !== descriptor.size) throw wrongSize(place, descriptor, bytes.length);
  const algorithm = digestAlgorithm(descriptor.digest);
  const found = `${algorithm}:${createHash(algorithm).update(bytes).digest("hex")}`;
  if (found === descriptor.digest) return bytes;
  throw new LayerfsError(
    "DIGEST_MISMATCH",
    `${place.title}: blob ${descriptor.digest}: its bytes have the digest ${found}`,
    { hint: place.remedy },
  );
}

export function tooLarge(title: string, object: string, size: number): LayerfsError {
  return new LayerfsError(
    "LIMIT_EXCEEDED",
    `${title}: ${object} has ${size} bytes, expected at most ${MAX_JSON_BYTES}`,
  );
}

export function wrongSize(
  { title, remedy }: Pick<Documents, "title" | "remedy">,
  { digest, size }: Descriptor,
  found: number,
): LayerfsError {
  return new LayerfsError("DIGEST_MISMATCH", `${title}: blob ${digest}: expected ${size} bytes, found ${found}`, {
    hint: remedy,
  });
}
