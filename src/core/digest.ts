import { createHash } from "node:crypto";
import { LayerfsError, printable } from "./errors.ts";

declare const brand: unique symbol;

/** The name of bytes by their hash, such as `sha256:` and 64 lower-case hex digits. Only this file makes one. */
export type Digest = string & { readonly [brand]: "Digest" };

export type DigestAlgorithm = "sha256" | "sha512";

/** The algorithms that are verified, with the count of hex digits of each (OCI image-spec, descriptor.md). */
const HEX_DIGITS: ReadonlyMap<string, number> = new Map<DigestAlgorithm, number>([
  ["sha256", 64],
  ["sha512", 128],
]);

const GRAMMAR = /^([a-z0-9]+(?:[.+_-][a-z0-9]+)*):([a-zA-Z0-9=_-]+)$/;

/**
 * Reads `algorithm:hex`. Fails with INVALID_DIGEST if it breaks the grammar of OCI's descriptor.md or the algorithm's
 * own form, with UNSUPPORTED if it is well formed but of an algorithm that cannot be verified here.
 */
export function parseDigest(text: string): Digest {
  const match = GRAMMAR.exec(text);
  if (match === null) throw invalid(text, "expected algorithm:hex, such as sha256 and 64 hex digits");
  const [algorithm, encoded] = [match[1]!, match[2]!];
  const length = HEX_DIGITS.get(algorithm);
  if (length === undefined) {
    throw new LayerfsError("UNSUPPORTED", `digest ${shorten(text)}: algorithm ${shorten(algorithm)} is not supported`, {
      hint: `use ${[...HEX_DIGITS.keys()].join(" or ")}`,
    });
  }
  if (encoded.length !== length) {
    throw invalid(text, `expected ${length} hex digits after ${algorithm}:, found ${encoded.length}`);
  }
  if (!/^[0-9a-f]+$/.test(encoded)) throw invalid(text, "expected lower-case hex digits only");
  return text as Digest;
}

/** The SHA-256 digest of the bytes. */
export function digestOf(bytes: Uint8Array | string): Digest {
  return `sha256:${createHash("sha256").update(bytes).digest("hex")}` as Digest;
}

/** The SHA-256 digest whose 64 hex digits are given, as Docker's store names its files. Fails with INVALID_DIGEST. */
export function digestFromHex(hex: string): Digest {
  return parseDigest(`sha256:${hex}`);
}

/** The hex digits after the colon. */
export function digestHex(digest: Digest): string {
  return digest.slice(digest.indexOf(":") + 1);
}

/** The part before the colon; it is also node:crypto's name of the hash. */
export function digestAlgorithm(digest: Digest): DigestAlgorithm {
  return digest.slice(0, digest.indexOf(":")) as DigestAlgorithm;
}

function invalid(text: string, problem: string): LayerfsError {
  return new LayerfsError("INVALID_DIGEST", `digest ${shorten(text)}: ${problem}`);
}

function shorten(text: string): string {
  const safe = printable(text.slice(0, 140));
  return text.length > 140 ? `"${safe}"…` : `"${safe}"`;
}
