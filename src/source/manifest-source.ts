import type { Descriptor } from "../core/descriptor.ts";
import type { NamedReference } from "../core/reference.ts";
import type { Documents } from "./documents.ts";

/** A manifest or index that a source names. */
export interface ManifestRoot {
  /** With the annotations that the source has beside it, if it has. */
  readonly descriptor: Descriptor;
  /** Each with a tag. */
  readonly names: readonly NamedReference[];
}

/** A place that was opened and holds manifests, to be copied as they are: an OCI layout, a repository of a registry. */
export interface ManifestSource extends AsyncDisposable {
  readonly documents: Documents;
  readonly roots: readonly ManifestRoot[];
  /** The bytes of a blob, which are not verified yet. Fails as the source does, where it is not there. */
  openBlob(descriptor: Descriptor): AsyncIterable<Uint8Array>;
}
