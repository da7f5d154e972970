import type { Digest } from "../../core/digest.ts";
import type { PathEffect } from "../../view/trace-path.ts";

/** An image and the stack of its layers, wherever it lies. */
export interface Explanation {
  /** Where the image lies: null for the store, else the source as it was given. */
  readonly source: string | null;
  readonly id: Digest;
  readonly names: readonly string[];
  /** Digests of manifests that lead to it, as `nginx@sha256:…`; none where no registry or layout gave one. */
  readonly manifests: readonly string[];
  readonly created: string | null;
  readonly platform: string;
  /** null outside the store. */
  readonly driver: string | null;
  /** Lowest first. */
  readonly layers: readonly LayerSummary[];
  /**
   * The mount command that joins the layers (for one layer, and for vfs, a bind mount), to be run with a directory in
   * place of TARGET; null where nothing can be mounted. Of so many layers that the kernel refuses it: the short one.
   */
  readonly mountCommand: string | null;
  /** The same with the short names of the directories, as dockerd mounts them; null where the driver has none. */
  readonly shortMountCommand: string | null;
  /** What is missing or damaged in the store, one sentence each. */
  readonly problems: readonly string[];
  /** What each layer does to the path that was asked for; null without one. */
  readonly path: PathExplanation | null;
}

/** One layer in the stack of an image. */
export interface LayerSummary {
  readonly diffID: Digest;
  readonly chainID: Digest;
  readonly parent: Digest | null;
  /** The driver's id of the layer; null outside the store. */
  readonly cacheID: string | null;
  /** Bytes of content; null where it is not known without unpacking. */
  readonly size: number | null;
  /** Bytes as they lie in an archive or layout, compressed or not; null in the store. */
  readonly storedSize: number | null;
  /** Where the driver keeps the layer's files; null outside the store, or where they are missing. */
  readonly directory: string | null;
  /** A shorter name of it, relative to the driver's own directory: overlay2's `l/NAME`. */
  readonly link: string | null;
  /** The instruction that made it, from the image's history; null where the history does not tell. */
  readonly createdBy: string | null;
  /** Other images that stand on this layer: their familiar names, or ids where they have none. */
  readonly sharedWith: readonly string[];
  /** Under which digests registries and layouts have it, where that is recorded. */
  readonly blobs: readonly LayerBlob[];
}

export interface LayerBlob {
  readonly digest: Digest;
  /** As `docker.io/library/nginx`; null for an archive or a layout. */
  readonly repository: string | null;
}

export interface PathExplanation {
  /** Bytes of the real path, with a leading `/`: symlinks on the way are resolved. */
  readonly path: Buffer;
  /** Index of the layer whose node the image shows, lowest 0; null: the image does not have the path any more. */
  readonly layer: number | null;
  /** One for each layer, lowest first. */
  readonly steps: readonly PathStepSummary[];
}

export interface PathStepSummary {
  readonly effect: PathEffect;
  /** For `deleted`, `hidden` and `displaced`: the path whose whiteout, opaque mark or new node did it. */
  readonly by: Buffer | null;
  /** What this layer and all below it show there; null for nothing. */
  readonly node: PathNode | null;
}

export interface PathNode {
  readonly kind: "file" | "directory" | "symlink" | "char" | "block" | "fifo";
  readonly mode: number;
  readonly size: number;
  readonly linkTarget: Buffer | null;
}

/** Whose a directory of the driver is. */
export type DirectoryRole =
  /** An image layer with a record in the layer store. */
  | "layer"
  /** What a container writes to. */
  | "container"
  /** What is put between an image and a container: /etc/hosts and the like. */
  | "container-init"
  /** What a read-write mount of layerfs writes to. */
  | "mount"
  /** A running operation makes it. */
  | "unfinished"
  /** No record of this data root names it. */
  | "orphan";

/** Whose a directory of the storage driver is. */
export interface DirectoryExplanation {
  readonly driver: string;
  readonly cacheID: string;
  readonly role: DirectoryRole;
  /** Where the layer's files are; null where they are missing. */
  readonly directory: string | null;
  readonly link: string | null;
  /** The layer's record, for the role `layer`. */
  readonly layer: { readonly chainID: Digest; readonly diffID: Digest; readonly size: number } | null;
  /** Images that stand on the layer; for a container's directory those whose topmost layer it stands on. */
  readonly images: readonly LayerUse[];
  /** The container whose directory it is; for a layer, containers that stand on it. */
  readonly containers: readonly ContainerName[];
  /** For the role `mount` where it is mounted, for `unfinished` what makes it. */
  readonly owner: string | null;
  /** What follows in the path that was given, inside the layer, with a leading `/`; null for nothing. */
  readonly path: string | null;
}

export interface LayerUse {
  readonly id: Digest;
  readonly names: readonly string[];
  /** Place of the layer in the image, lowest 0. */
  readonly index: number;
  /** How many layers the image has. */
  readonly count: number;
  readonly createdBy: string | null;
}

export interface ContainerName {
  readonly id: string;
  /** Without the leading `/`; null where no record of the container is left. */
  readonly name: string | null;
}
