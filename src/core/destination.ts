import type { Descriptor } from "./descriptor.ts";
import type { Digest } from "./digest.ts";
import type { LayerCompression } from "./media-types.ts";
import type { NamedReference } from "./reference.ts";
import type { Timespec } from "./timespec.ts";

/** A blob on its way to a destination. Its bytes can be read again from their start. */
export interface OutgoingBlob extends Pick<Descriptor, "digest" | "size"> {
  /**
   * The bytes; they end with DIGEST_MISMATCH where they are not those of `digest` and `size`. A chunk is valid until the
   * next one is asked for.
   */
  open(): AsyncIterable<Uint8Array>;
  /** When the blob was made, for places that note times. Default: 1970. */
  readonly time?: Timespec | undefined;
}

/** A manifest or an index, byte for byte. */
export interface OutgoingManifest {
  readonly bytes: Uint8Array;
  readonly digest: Digest;
  readonly mediaType: string;
}

/** An image, or an index of several, whose parts were all put, and how it is to be found. */
export interface OutgoingImage {
  /** Of its manifest or index. Where it has annotations, a layout keeps them in place of the names. */
  readonly descriptor: Descriptor;
  /** Each with a tag. A destination that was named with a name of its own takes that instead. */
  readonly names: readonly NamedReference[];
  /** Of a manifest alone: the layers' uncompressed digests, lowest first, and the image it was built on here. */
  readonly diffIDs?: readonly Digest[] | undefined;
  readonly parent?: Digest | undefined;
}

export interface PutOptions {
  readonly signal?: AbortSignal | undefined;
}

/**
 * A place that takes images: an archive, an OCI layout, a repository of a registry. Blobs and manifests are put first,
 * what is referred to before what refers to it; nothing of an image is to be found before `commit`. Disposing of it
 * before that leaves no half image: an archive's file is as it was, a layout and a registry may keep blobs that nobody
 * refers to, which the next attempt finds.
 *
 * Blobs come one after the other, for an archive is one stream. Codes of all: NO_SPACE, PERMISSION, SYSTEM, CANCELLED,
 * those of the bytes that are put, and in a registry those of `Repository`.
 */
export interface ImageDestination extends AsyncDisposable {
  /** Whether its manifests are made for it: Docker's own form has layers uncompressed, each image with its manifest. */
  readonly form: "docker" | "oci";
  /** How layers are packed that are packed for it, unless somebody wants it otherwise. */
  readonly compression: LayerCompression;
  /** Whether it was named with a name of its own, and therefore takes one image. */
  readonly takesOne: boolean;
  /** Whether the blob is there, so that it need not be put. */
  hasBlob(blob: Pick<Descriptor, "digest" | "size">, options: PutOptions): Promise<boolean>;
  putBlob(blob: OutgoingBlob, options: PutOptions): Promise<void>;
  putManifest(manifest: OutgoingManifest, options: PutOptions): Promise<void>;
  /** Makes the images visible, in this order. Called once, and last. */
  commit(images: readonly OutgoingImage[], options: PutOptions): Promise<void>;
}
