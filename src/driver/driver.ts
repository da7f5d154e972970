import type { MountStep } from "./plan.ts";

/**
 * How a driver keeps a layer, which decides who writes it:
 * - `overlay-dir`: a directory with this layer's own files only; what it deletes is recorded as overlayfs does
 *   (character device 0/0, xattr `trusted.overlay.opaque`). Its parent need not be there to write it.
 * - `full-tree`: a directory with the whole union up to this layer; it starts as a copy of its parent.
 * - `tar-file`: the layer's tar bytes.
 */
export type LayerForm = "overlay-dir" | "full-tree" | "tar-file";

export interface DriverTraits {
  readonly layerForm: LayerForm;
  /** Most layers that one tree can have: an image layer and all below it, or all below a read-write layer. */
  readonly maxDepth: number;
  /** The kernel's own union tells what changed in a read-write layer (no tree walk needed). */
  readonly nativeDiff: boolean;
}

/** Where a layer's files lie. All paths are absolute. */
export interface LayerPlace {
  /** Directory that the layer's writer fills (`overlay-dir`: its diff; `full-tree`: its root). */
  readonly directory: string;
  /** `overlay-dir` only: the directories below it, topmost first, as the union sees them. Empty for `full-tree`. */
  readonly lowers: readonly string[];
}

/** A path below the driver's home as a layer and what follows. */
export interface LayerAddress {
  readonly id: string;
  /** Relative to the root of the layer's files, "" for it; null where the path leads to no such file. */
  readonly path: string | null;
}

export interface PlanOptions {
  /** Directory where the tree shall appear; it exists. */
  readonly target: string;
  readonly readOnly: boolean;
}

/**
 * A storage driver: how a layer becomes a child of another, and how its tree is reached.
 *
 * It knows nothing of images: ids are opaque (64 hex digits, or that with `-init`), chosen by the caller, who also
 * serialises `create` and `remove`. It holds no truth in memory: every call reads the disk.
 *
 * Life cycle: `create(id, parent)` makes an empty child; the caller fills `place(id).directory`; `seal(id)` makes
 * what was written durable; from then on the layer never changes and may be a parent. `remove(id)` is legal at every
 * point, also after a crash in any of the others, and removing an absent layer succeeds. A driver that was opened
 * read-only fails `create`, `seal` and `remove` with READ_ONLY.
 *
 * Example: two layers, then the tree of both:
 *
 *     await driver.create(base, null);      // fill driver.place(base).directory
 *     await driver.seal(base);
 *     await driver.create(top, base);       // fill driver.place(top).directory
 *     await driver.seal(top);
 *     await mountAll(driver.plan(top, { target: "/mnt/x", readOnly: true }));
 */
export interface StorageDriver {
  readonly name: string;
  /** Directory that holds all of the driver's state. */
  readonly home: string;
  readonly traits: DriverTraits;

  /**
   * Makes layer `id`, a child of `parent`. Fails with CONFLICT if `id` is there, NOT_FOUND if `parent` is not,
   * LIMIT_EXCEEDED past `maxDepth`, USAGE if `id` cannot be a file's name; a failure leaves nothing behind.
   */
  create(id: string, parent: string | null, options?: CreateOptions): Promise<void>;
  /**
   * Makes the layer's files and records durable, and its form final; it can be repeated. `cutsLowers`: its root is
   * opaque, so nothing below it shows (for `overlay-dir`; a `full-tree` has nothing below).
   */
  seal(id: string, facts?: { readonly cutsLowers: boolean }): Promise<void>;
  remove(id: string): Promise<void>;
  /** Makes anew what follows from other records, where it is missing. Serialised by the caller as `create` is. */
  repair(): Promise<void>;
  exists(id: string): Promise<boolean>;
  /** Ids of all layers that the driver holds, in any state, those too whose removal was interrupted. */
  list(): Promise<string[]>;
  /** Fails with NOT_FOUND if `id` is absent, CORRUPT_STORE if its own records are damaged. */
  place(id: string): LayerPlace;
  /**
   * The steps to reach the layer's tree, in order; each can be undone. Nothing is done yet. Fails as `place`, and with
   * CONFLICT if a sealed layer is wanted for writing.
   */
  plan(id: string, options: PlanOptions): MountStep[];
  /** What `info` shows: pairs in Docker's words. */
  status(): readonly (readonly [string, string])[];
  /**
   * The layer that a path below `home` (relative to it) belongs to, whether the layer is there or not, and the rest of
   * the path; null for a path that is no layer's.
   */
  identify(path: string): LayerAddress | null;
  /** A shorter name of `place(id).directory`, relative to `home`; null where the driver keeps none. Fails as `place`. */
  shortPath(id: string): string | null;
  /** What `inspect` shows as GraphDriver.Data, with Docker's keys; null where Docker shows null. */
  data(id: string): Readonly<Record<string, string>> | null;
}

export interface CreateOptions {
  /** A read-write layer (for a container or a `mount --rw`): it never becomes a parent of an image layer. */
  readonly readWrite?: boolean;
}

/** What a driver is opened with. */
export interface DriverContext {
  /** The data root; the driver's home is `<root>/<name>`. */
  readonly root: string;
  /** `--storage-opt KEY=VALUE`, the driver's own keys only, e.g. `overlay2.size`. Unknown keys: USAGE. */
  readonly options: ReadonlyMap<string, string>;
  /** Nothing may be created on disk. */
  readonly readOnly: boolean;
  /** With `readOnly`: what the driver needs may be tried out all the same, as long as nothing is left of it. */
  readonly mayTry?: boolean;
}

export interface DriverEntry {
  readonly name: string;
  /** Fails with DRIVER_UNSUPPORTED, naming the check that failed and what was found. */
  open(context: DriverContext): Promise<StorageDriver>;
}
