import type { Digest } from "../core/digest.ts";
import type { Warning } from "../layer/apply/warnings.ts";
import type { RetryEvent } from "../source/registry/retry.ts";
import type { RegistrySettings } from "../source/registry/settings.ts";
import type { DuplicatePath } from "../view/merged-tree.ts";
import type { CheckOptions, CheckResult } from "./check/check.ts";
import type { ContainerTasks } from "./containers/container-tasks.ts";
import type { CopyInOptions, CopyOptions } from "./copying/cp.ts";
import type { CopiedIn, IntoContainerOptions } from "./copying/into-container.ts";
import type { CopiedOut } from "./copying/to-machine.ts";
import type { DirectoryExplanation, Explanation } from "./explain/explanation.ts";
import type { HistoryStep } from "./images/history.ts";
import type { ImageInspection } from "./images/inspect-image.ts";
import type { ImageFilters, ImageSummary } from "./images/list-images.ts";
import type { RemovedImage } from "./images/remove-image.ts";
import type { TaggedImage } from "./images/tag-image.ts";
import type { ImportedImage, ImportOptions } from "./incoming/import-tar.ts";
import type { TarInput } from "./incoming/layer-tar.ts";
import type { PullOptions, PullResult } from "./incoming/pull.ts";
import type { StoreInfo } from "./info.ts";
import type { LoginRequest, LoginResult, LogoutResult } from "./login.ts";
import type { ImageComparison } from "./look/compare-images.ts";
import type { ExportTreeOptions } from "./look/export-tree.ts";
import type { FindOptions } from "./look/find-nodes.ts";
import type { ChangedNode, ChangesOptions } from "./look/list-changes.ts";
import type { ListOptions } from "./look/list-nodes.ts";
import type { NodeDetails, StatOptions } from "./look/stat-node.ts";
import type { Waste, WasteOptions } from "./look/waste.ts";
import type { CopiedImage, ImageCopyOptions } from "./outgoing/copy.ts";
import type { PushOptions, PushResult } from "./outgoing/push.ts";
import type { SavedImage, SaveOptions, SaveTarget } from "./outgoing/save.ts";

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
  /** Where is kept what makes a second look into an image quick, at most 1 GiB. Default: `layerfs` in the user's cache directory; null: nowhere. */
  readonly cacheDirectory?: string | null | undefined;
  /** How registries are reached (docs/registries.md). */
  readonly registries?: RegistrySettings | undefined;
  /** Told of requests that are repeated where an image is read in its registry; `pull` and `push` tell their `onProgress`. */
  readonly onRetry?: ((event: RetryEvent) => void) | undefined;
  /** Told of the paths that layers of an image hold more than once, where it is looked into: the last entry counts. */
  readonly onDuplicates?: ((duplicates: readonly DuplicatePath[]) => void) | undefined;
  /** Layers of an image that are fetched at the same time, as dockerd's option. Default: 3. */
  readonly maxConcurrentDownloads?: number | undefined;
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
  /** The registry has given the manifest of a tag or digest; `repository` without its registry. */
  | { readonly type: "pull-start"; readonly tagOrDigest: string; readonly repository: string }
  /** It is in the store; `digest` as in `PulledImage`. */
  | { readonly type: "pull-done"; readonly tagOrDigest: string; readonly digest: Digest }
  /** `repository` in full, such as `docker.io/library/nginx`. */
  | { readonly type: "push-start"; readonly repository: string }
  /** The registry has the image; as in `PushedTag`. */
  | { readonly type: "push-done"; readonly tag: string; readonly digest: Digest; readonly size: number }
  /**
   * A layer that must be unpacked; `total` are its stored bytes. In a push a layer is first compressed, of which `total`
   * are about the uncompressed bytes, and then sent: both are told so. Here and below `blob` is its digest in a registry.
   */
  | {
      readonly type: "layer-start";
      readonly layer: Digest;
      readonly blob?: Digest | undefined;
      readonly total: number;
      readonly activity?: "compressing" | "sending" | undefined;
    }
  /** Bytes of those that were read or sent since the last such event. */
  | { readonly type: "layer-progress"; readonly layer: Digest; readonly bytes: number }
  | {
      readonly type: "layer-done";
      readonly layer: Digest;
      readonly blob?: Digest | undefined;
      readonly warnings: readonly Warning[];
    }
  /** The layer was there already: in the store, or in the registry that it is pushed to. */
  | { readonly type: "layer-exists"; readonly layer: Digest; readonly blob?: Digest | undefined }
  /** Another repository of the registry had the layer that is pushed; `from` without the registry. */
  | { readonly type: "layer-mounted"; readonly layer: Digest; readonly from: string }
  /** Stored bytes of a layer that came since the last such event; `disk`: an earlier attempt had fetched them. */
  | {
      readonly type: "download-progress";
      readonly layer: Digest;
      readonly bytes: number;
      readonly origin: "disk" | "network";
    }
  /** A request to a registry failed and is repeated. */
  | ({ readonly type: "retry" } & RetryEvent);

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

export interface MountRequest {
  /** Name or id of a container or, where no container has it, of an image. */
  readonly image: string;
  /** What the name is of, where it is of both. */
  readonly type?: "container" | "image" | undefined;
  /** Default: a directory below the data root. It must exist if it is given. */
  readonly target?: string | undefined;
  /** Of an image: a layer of its own takes the changes, until `unmount` with `discard`. A container is always writable. */
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
  /** Id and first name of the image, null for other mounts. */
  readonly image: { readonly id: Digest; readonly name: string | null } | null;
  readonly container: { readonly id: string; readonly name: string | null } | null;
  readonly readWrite: boolean;
  /** False where the kernel does not have it any more (after a restart, say) and only its read-write layer is left. */
  readonly mounted: boolean;
}

export interface UnmountRequest {
  /** Directory of a mount, or a container or image that is mounted in one place; what begins with `/` or `./` is a directory. */
  readonly target: string;
  /** Throw away what was changed in a read-write mount; without it such a mount with changes stays. */
  readonly discard?: boolean | undefined;
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
export interface Engine extends AsyncDisposable, ContainerTasks {
  readonly root: string;

  /** Loads every image of a source. Several calls at once, also in other processes, unpack a layer once. */
  load(input: LoadInput, options?: SourceCallOptions): Promise<LoadedImage[]>;
  /** Makes an image of one layer of a tar (plain, gzip or zstd); it becomes visible when it is whole. */
  import(input: TarInput, options?: ImportOptions): Promise<ImportedImage>;
  /**
   * Fetches an image from its registry, or all tags of a repository. Several calls at once, also in other processes, fetch
   * a blob once; what a call that failed or was killed had fetched is not fetched again (docs/pull.md).
   */
  pull(reference: string, options?: PullOptions): Promise<PullResult>;
  /**
   * Writes images, named as in `docker save`, to an archive or another place; the same images give the same bytes. An
   * image that is missing fails it before a byte is out, a layer that is not what it was when it is read. Works also
   * while dockerd holds the root.
   */
  save(images: readonly string[], target: SaveTarget, options?: SaveOptions): Promise<SavedImage[]>;
  /**
   * Copies an image from any place to any other, each a source's name or one of the store. Between places that have
   * manifests these and all blobs stay as they are, and the store takes no part; else the manifest is made as by `save`.
   */
  copy(source: string, destination: string, options?: ImageCopyOptions): Promise<CopiedImage[]>;
  /**
   * Sends an image to the registry of its name (`latest` where that has no tag), or all tags of a repository. Layers that
   * the registry has are not sent. Fails with NOT_FOUND, UNAUTHORIZED, RATE_LIMITED, REGISTRY; with DIGEST_MISMATCH, naming
   * layer and path, where a stored layer is not what it was.
   */
  push(name: string, options?: PushOptions): Promise<PushResult>;
  /** Fails with UNAUTHORIZED where the registry does not take the credentials, NOT_FOUND where none are given or kept. */
  login(request: LoginRequest, options?: CallOptions): Promise<LoginResult>;
  /** Forgets what is kept for a registry; for one without anything it succeeds. Default: Docker Hub. */
  logout(server?: string): Promise<LogoutResult>;
  /** Newest first. */
  images(filters?: ImageFilters): Promise<ImageSummary[]>;
  /**
   * Here and wherever a call takes `ReadOptions` or `SourceCallOptions`, `image` is a name or id, or names a source that
   * holds one image: then no data root takes part. For their sizes all layers of a source are read, and verified.
   */
  inspect(image: string, options?: ReadOptions): Promise<ImageInspection>;
  /** Newest step first. */
  history(image: string, options?: ReadOptions): Promise<HistoryStep[]>;
  /** The stack of layers of an image. With a path, also which of them put it there, replaced or deleted it. */
  explain(image: string, options?: ExplainOptions): Promise<Explanation>;
  /**
   * Whose a directory of the storage driver is: given as `overlay2/<id>`, `<id>`, `l/<link>`, or as a path that begins
   * with `/` or `.`, also with what follows inside. null: the text has no such form, or is an image's name or id.
   */
  explainDirectory(directory: string): Promise<DirectoryExplanation | null>;
  /**
   * Names all that is wrong with the images, of the whole data root where none are named, and what nothing refers to.
   * Changes nothing, and works while dockerd holds the root.
   */
  check(images: readonly string[], options?: CheckOptions): Promise<CheckResult>;
  /** Gives an image one more name, which it takes away from another image that has it. */
  tag(source: string, target: string): Promise<TaggedImage>;
  /**
   * Removes names and, with the last one, the image, the layers that nothing else uses and, unless `prune` is false,
   * the images it was built on that nothing needs any more. Fails with CONFLICT by Docker's rules.
   */
  removeImage(
    image: string,
    options?: { readonly force?: boolean | undefined; readonly prune?: boolean | undefined },
  ): Promise<RemovedImage>;

  /**
   * Returns the directory where the tree is. A root that a dockerd runs on, or that lies on a read-only file system, is
   * not changed: a mount is then read-only, wants a target and is not recorded. Fails with PERMISSION where the system
   * does not let it mount.
   */
  mount(request: MountRequest): Promise<string>;
  mountDirectories(request: DirectoriesMountRequest): Promise<void>;
  /** Returns the directory. Fails with CONFLICT where changes would be lost, AMBIGUOUS for an image mounted twice. */
  unmount(request: UnmountRequest): Promise<string>;
  mounts(): Promise<MountSummary[]>;

  /** Writes the image's tree to a directory that is empty or absent. */
  unpack(
    image: string,
    directory: string,
    options?: SourceCallOptions,
  ): Promise<{ readonly warnings: readonly Warning[] }>;
  /** The nodes of a directory, or the node itself; by the bytes of their names. Needs no privilege but to read the root. */
  list(image: string, path: string, options?: ListOptions): Promise<TreeNode[]>;
  /** The same, some hundred nodes at a time, as they are found. */
  listInPieces(image: string, path: string, options?: ListOptions): AsyncIterable<readonly TreeNode[]>;
  /**
   * The nodes of a directory and below, with what the layers above the lowest did to them; on demand also what they
   * deleted, or what one of them did.
   */
  listChanges(image: string, path: string, options?: ChangesOptions): Promise<ChangedNode[]>;
  /** A node with all its attributes, the layer it comes from, and what the layers below have in its place. */
  stat(image: string, path: string, options?: StatOptions): Promise<NodeDetails>;
  /** The nodes at and below a path for which all that is asked holds, a directory before its content. */
  find(image: string, path: string, options?: FindOptions): Promise<TreeNode[]>;
  /** The same, some hundred nodes at a time, as they are found. */
  findInPieces(image: string, path: string, options?: FindOptions): AsyncIterable<readonly TreeNode[]>;
  /** What turns one image into the other: files by their contents, packages, config and history. */
  compare(before: string, after: string, options?: ReadOptions): Promise<ImageComparison>;
  /** What an image carries that nobody sees, or sees twice. */
  waste(image: string, options?: WasteOptions): Promise<Waste>;
  /** A container's tree, or what all layers of an image together show, as one tar; an image's is the same wherever it lies. */
  export(name: string, options?: ExportTreeOptions): AsyncIterable<Buffer>;
  /** The same into a file, which becomes visible when it is whole. */
  exportToFile(name: string, file: string, options?: ExportTreeOptions): Promise<void>;
  /**
   * A node of a container or image with all below it as a tar, under its own name; of `x/.` and of the root, the content.
   * Symlinks are followed inside the tree.
   */
  copyTar(name: string, path: string, options?: CopyOptions): AsyncIterable<Buffer>;
  /** Copies such a node to this machine, by the rules of `docker cp`. */
  copyOut(name: string, path: string, destination: string, options?: CopyOptions): Promise<CopiedOut>;
  /** Copies a path of this machine into a container by the same rules; each file appears when it is whole. */
  copyIn(container: string, source: string, path: string, options?: CopyInOptions): Promise<CopiedIn>;
  /** Adds a tar (plain, gzip or zstd) to a directory of a container. */
  copyTarIn(
    container: string,
    tar: AsyncIterable<Uint8Array>,
    path: string,
    options?: IntoContainerOptions,
  ): Promise<CopiedIn>;
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
