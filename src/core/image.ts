import type { ImageConfig } from "./config.ts";
import type { Descriptor } from "./descriptor.ts";
import type { Digest } from "./digest.ts";
import type { Manifest } from "./manifest.ts";
import type { Platform } from "./platform.ts";
import type { NamedReference } from "./reference.ts";

/** A run of bytes in an open file, which any thread of this process may read with positional reads. */
export interface Extent {
  readonly fd: number;
  readonly offset: number;
  readonly length: number;
}

/** One layer of an image, wherever the image lies. */
export interface Layer {
  /** Digest of the uncompressed tar, as the image's config promises it. */
  readonly diffID: Digest;
  /** The layer's stored bytes (compressed or not), lying in a file, if they do; the quick way for a worker thread. */
  readonly extent?: Extent | undefined;
  /** Digest of the stored bytes, where the source gives one: they are verified against it. */
  readonly blobDigest?: Digest | undefined;
  /** What the image's manifest says of the stored bytes, where the source has one. */
  readonly descriptor?: Descriptor | undefined;
  /** The stored bytes, which may be compressed. */
  open(): AsyncIterable<Uint8Array>;
  /** The stored bytes from an offset on, where a place that is no file can be read so, as a registry by range. */
  readonly openAt?: ((offset: number) => AsyncIterable<Uint8Array>) | undefined;
  /** The layer's uncompressed tar, not yet verified against `diffID`. */
  openTar(): AsyncIterable<Uint8Array>;
  /** Bytes of the uncompressed tar, where they can be told without reading it; a tar's header needs them first. */
  readonly tarSize?: (() => Promise<number>) | undefined;
}

/** An image, wherever it lies. Its id is the digest of its config's bytes. */
export interface Image {
  readonly id: Digest;
  readonly config: ImageConfig;
  /** The manifest that led to it, where the source has one. */
  readonly manifest?: Manifest | undefined;
  readonly platform: Platform;
  /** Names that the source gives the image, such as the RepoTags of a docker-archive. */
  readonly names: readonly NamedReference[];
  /** Lowest first; as many as `config.rootfs.diffIDs`. */
  readonly layers: readonly Layer[];
}

/** A place that was opened and holds images. */
export interface ImageSource extends AsyncDisposable {
  readonly images: readonly Image[];
}
