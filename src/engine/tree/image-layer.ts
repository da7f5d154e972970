import type { Digest } from "../../core/digest.ts";
import type { LayerEntries } from "../../view/merged-tree.ts";
import type { ReadableLayer } from "../../view/view.ts";
import type { PassedEntry, Wants } from "./layer-pass.ts";

/** A layer of an opened image, to be read by itself or joined with others by `union`. */
export interface ImageLayer extends ReadableLayer {
  readonly diffID: Digest;
  /** Digest of the stored bytes; null where the place does not tell, as the store. */
  readonly blobDigest: Digest | null;
  /** Bytes as they are stored, compressed or not; null where that is not known. */
  readonly storedSize: number | null;
  /** The instruction that made it, from the image's history; null where the history does not tell. */
  readonly createdBy: string | null;
  /**
   * Another text whenever what the layer is read from has become another file. Empty where the bytes are verified by
   * their digest; null where nothing can be told, so that nothing may be kept of it.
   */
  identity(): string | null;
  /** As `entries`, read at once: layers that are asked one after the other are read beside each other. */
  readEntries(signal?: AbortSignal): Promise<LayerEntries>;
  /** Reads the layer once, in the order of its tar, with the bytes of the files that are wanted (see `PassedEntry`). */
  pass(wants: Wants, signal?: AbortSignal): AsyncIterable<PassedEntry>;
}
