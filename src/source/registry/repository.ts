import type { Descriptor } from "../../core/descriptor.ts";
import type { Digest } from "../../core/digest.ts";
import type { NamedReference } from "../../core/reference.ts";
import type { RetryEvent } from "./retry.ts";

/** What every request may be given. */
export interface RequestOptions {
  readonly signal?: AbortSignal | undefined;
  /** Told of each request that failed and will be repeated, and of a registry that asks to wait. */
  readonly onRetry?: ((event: RetryEvent) => void) | undefined;
}

/** A manifest or an index as a registry gave it; its bytes have been verified against `digest`. */
export interface FetchedManifest {
  readonly bytes: Uint8Array;
  readonly digest: Digest;
  readonly mediaType: string;
}

/** Bytes that can be read again from their start, as a request that is repeated needs them. */
export type Reopenable = () => AsyncIterable<Uint8Array>;

/**
 * One repository of a registry, over the OCI distribution protocol. Requests that fail for a passing reason are
 * repeated inside, with backoff. Messages name registry, repository and digest, and never a secret.
 *
 * Codes of all: NOT_FOUND (repository, tag, blob), UNAUTHORIZED, REGISTRY (an answer that the protocol does not
 * allow, or a failure that outlasted the retries), RATE_LIMITED, CANCELLED.
 */
export interface Repository {
  /** As in `docker.io/library/nginx`. */
  readonly name: Pick<NamedReference, "domain" | "path">;

  /**
   * The manifest or index of a tag or a digest, of at most 4 MiB. Fails with DIGEST_MISMATCH where the bytes are not
   * those of the digest that was asked for, UNSUPPORTED for Docker's schema 1, LIMIT_EXCEEDED for more bytes.
   */
  fetchManifest(tagOrDigest: string, options: RequestOptions): Promise<FetchedManifest>;

  /**
   * A blob's stored bytes from `offset` to its end. A connection that breaks off is taken up where it stopped. The
   * bytes are not verified, but as many as the descriptor says, else DIGEST_MISMATCH.
   */
  openBlob(
    blob: Pick<Descriptor, "digest" | "size">,
    options: RequestOptions & { readonly offset?: number | undefined },
  ): AsyncIterable<Uint8Array>;

  hasManifest(digest: Digest, options: RequestOptions): Promise<boolean>;
  hasBlob(digest: Digest, options: RequestOptions): Promise<boolean>;
  /** null where it is not there, and where the registry does not tell its size. */
  statBlob(digest: Digest, options: RequestOptions): Promise<Pick<Descriptor, "digest" | "size"> | null>;
  /** As the registry sorts them. */
  listTags(options: RequestOptions): Promise<string[]>;

  /** Makes a blob of another repository of the registry this one's too; false where the registry would not. */
  mountBlob(digest: Digest, from: string, options: RequestOptions): Promise<boolean>;
  /** Sends a blob. Sending one that is there succeeds. DIGEST_MISMATCH: the bytes are not those of the digest. */
  uploadBlob(blob: Pick<Descriptor, "digest" | "size">, bytes: Reopenable, options: RequestOptions): Promise<void>;
  /** Puts a manifest or index under its digest and, if one is given, a tag. */
  putManifest(manifest: FetchedManifest, tag: string | null, options: RequestOptions): Promise<void>;
}
