import type { Digest } from "../core/digest.ts";
import type { Warning } from "../layer/apply/warnings.ts";
import type { DirectoryExplanation, Explanation } from "./explanation.ts";

/** How an engine is opened. Everything has a default, so `openEngine({})` works. */
export interface EngineOptions {
  /** Data root in Docker's layout. Default: LAYERFS_ROOT, else /var/lib/layerfs for root, else the XDG data directory. */
  readonly root?: string | undefined;
  /** Name of the storage driver. Default: chosen as docs/drivers.md says. */
  readonly driver?: string | undefined;
  /** `KEY=VALUE`, as dockerd's --storage-opt. */
  readonly storageOptions?: readonly string[] | undefined;
  /** Most bytes of content in one layer; null for no limit but the disk's. */
  readonly maxLayerSize?: number | null | undefined;
}

/** What a long call may be given. */
export interface CallOptions {
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: ((event: ProgressEvent) => void) | undefined;
}

/** What a call may be given that takes a source of images in place of one of the store. */
export interface SourceCallOptions extends CallOptions {
  /** `os/architecture[/variant]`, of the images to take. Default: this machine's where a source leaves the choice. */
  readonly platform?: string | undefined;
}

/** An archive, whose form is told by what it holds, or the name of a source such as `oci:DIR:TAG` (docs/sources.md). */
export type LoadInput =
  | { readonly file: string }
  | { readonly stream: NodeJS.ReadableStream }
  | { readonly source: string };

export type ProgressEvent =
  /** A layer that must be unpacked; `total` are its stored bytes. */
  | { readonly type: "layer-start"; readonly layer: Digest; readonly total: number }
  /** Stored bytes that were read since the last such event. */
  | { readonly type: "layer-progress"; readonly layer: Digest; readonly bytes: number }
  | { readonly type: "layer-done"; readonly layer: Digest; readonly warnings: readonly Warning[] }
  /** The layer was in the store already. */
  | { readonly type: "layer-exists"; readonly layer: Digest };

export interface ExplainOptions extends ReadOptions {
  /** A path inside the image; it need not be there any more. */
  readonly path?: string | Buffer | undefined;
}

export interface LoadedImage {
  readonly id: Digest;
  /** Familiar names it was given, such as `nginx:latest`; none: it is known by its id only. */
  readonly names: readonly string[];
  /** Names that another image had before, with that image's id. */
  readonly renamed: readonly { readonly name: string; readonly from: Digest }[];
}

export interface ImageSummary {
  readonly id: Digest;
  /** `null` for both: a dangling image. One summary a name, as `docker images` lists them. */
  readonly repository: string | null;
  readonly tag: string | null;
  readonly digest: string | null;
  /** RFC 3339, as in the config; null where the config has none. */
  readonly created: string | null;
  /** Bytes of the content of all its layers. */
  readonly size: number;
}

export interface RemovedImage {
  /** In order, as `docker rmi` prints them: "Untagged: …", "Deleted: …". */
  readonly steps: readonly { readonly kind: "untagged" | "deleted"; readonly name: string }[];
}

export interface MountRequest {
  /** Name or id. */
  readonly image: string;
  /** Default: a directory below the data root. It must exist if it is given. */
  readonly target?: string | undefined;
  /** A layer of its own on top takes the changes; it is thrown away by `unmount` with `discard`. */
  readonly readWrite?: boolean | undefined;
}

export interface DirectoriesMountRequest {
  /** Topmost first, as overlayfs has them. */
  readonly lowers: readonly string[];
  readonly upper?: string | undefined;
  readonly work?: string | undefined;
  readonly target: string;
}

export interface MountSummary {
  readonly target: string;
  /** Id and first name of the image; null for a union of plain directories. */
  readonly image: { readonly id: Digest; readonly name: string | null } | null;
  readonly readWrite: boolean;
  /** False where the kernel does not have it any more (after a restart, say) and only its read-write layer is left. */
  readonly mounted: boolean;
}

export interface UnmountRequest {
  readonly target: string;
  /** Throw away what was changed in a read-write mount; without it such a mount with changes stays. */
  readonly discard?: boolean | undefined;
}

export interface StoreInfo {
  readonly root: string;
  readonly driver: string;
  /** Why this driver was chosen, one sentence each. */
  readonly choice: readonly string[];
  /** In Docker's words. */
  readonly status: readonly (readonly [string, string])[];
  readonly images: number;
  readonly layers: number;
  readonly mounts: number;
  /** Bytes of content of all layers. */
  readonly layersSize: number;
  readonly readOnly: boolean;
}

/** A node of an image's tree, as `ls` shows it. */
export interface TreeNode {
  /** Bytes of the name within its directory. */
  readonly name: Buffer;
  /** Path from the root, as bytes, with a leading `/`. */
  readonly path: Buffer;
  readonly kind: "file" | "directory" | "symlink" | "char" | "block" | "fifo";
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly size: number;
  readonly mtime: { readonly seconds: number; readonly nanoseconds: number };
  readonly linkTarget: Buffer | null;
  readonly device: { readonly major: number; readonly minor: number } | null;
  /** Index of the layer that holds it, lowest 0. */
  readonly layer: number;
}

export type ReadOptions = Pick<SourceCallOptions, "platform" | "signal">;

export interface ListOptions extends ReadOptions {
  readonly recursive?: boolean | undefined;
}

/** An `A`dded, `C`hanged or `D`eleted path, as `docker diff` shows it. */
export interface Change {
  readonly kind: "A" | "C" | "D";
  /** Bytes, with a leading `/`. */
  readonly path: Buffer;
}

/**
 * One method a user task. An engine keeps no truth in memory: each call reads the disk under the store's lock, so any
 * number of engines in any number of processes may work on one root. Errors are LayerfsError.
 */
export interface Engine extends AsyncDisposable {
  readonly root: string;

  /** Loads every image of a source. Several calls at once, also in other processes, unpack a layer once. */
  load(input: LoadInput, options?: SourceCallOptions): Promise<LoadedImage[]>;
  /** Newest first. */
  images(): Promise<ImageSummary[]>;
  /** The stack of layers of an image. With a path, also which of them put it there, replaced or deleted it. */
  explain(image: string, options?: ExplainOptions): Promise<Explanation>;
  /**
   * Whose a directory of the storage driver is: given as `overlay2/<id>`, `<id>`, `l/<link>`, or as a path that begins
   * with `/` or `.`, also with what follows inside. null: the text has no such form, or is an image's name or id.
   */
  explainDirectory(directory: string): Promise<DirectoryExplanation | null>;
  /** Removes names and, with the last one, the image and the layers that nothing else uses. */
  removeImage(image: string, options?: { readonly force?: boolean }): Promise<RemovedImage>;

  /** Returns the directory where the tree is. Fails with PERMISSION where the system does not let it mount. */
  mount(request: MountRequest): Promise<string>;
  mountDirectories(request: DirectoriesMountRequest): Promise<void>;
  unmount(request: UnmountRequest): Promise<void>;
  mounts(): Promise<MountSummary[]>;

  /**
   * Writes the image's tree to a directory that is empty or absent. Here and in `list` and `readFile`, `image` is a name
   * or id, or names a source that holds one image: then no data root takes part.
   */
  unpack(
    image: string,
    directory: string,
    options?: SourceCallOptions,
  ): Promise<{ readonly warnings: readonly Warning[] }>;
  /** The nodes of a directory, or the node itself; by the bytes of their names. Needs no privilege but to read the root. */
  list(image: string, path: string, options?: ListOptions): Promise<TreeNode[]>;
  /** A file's content, symlinks followed inside the image. */
  readFile(image: string, path: string, options?: ReadOptions): Promise<AsyncIterable<Buffer>>;

  info(): Promise<StoreInfo>;

  /** Applies a layer's tar (plain, gzip or zstd) to a directory that holds what is below it. */
  apply(
    directory: string,
    tar: AsyncIterable<Uint8Array>,
    options?: CallOptions,
  ): Promise<{ readonly diffID: Digest; readonly size: number; readonly warnings: readonly Warning[] }>;
  /** What turns the tree `before` into the tree `after`. Sorted by path. */
  changes(before: string, after: string): Promise<Change[]>;
  /** The layer tar that turns `before` into `after`; deterministic. */
  diffTar(before: string, after: string): AsyncIterable<Buffer>;
}
