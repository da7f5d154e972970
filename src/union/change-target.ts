import type { TarEntry } from "../tar/entry.ts";

/** What a name shows in the union at this moment. */
export type Found =
  | { readonly kind: "absent" }
  | { readonly kind: "directory" }
  | { readonly kind: "symlink"; readonly target: Buffer }
  | { readonly kind: "other" };

/** A directory of the union that may be changed. `path` is its real path as a key (see `pathKey`). */
export interface Directory {
  readonly path: string;
}

/**
 * A tree that a layer is applied to: the layers below, plus what the layer has put so far. Three kinds exist: an
 * overlay directory, a full tree on disk, and a merged tree in memory; the algorithm in `changeset.ts` is the same.
 *
 * All names are one component, never `.` or `..`. "Own" means: put there by the layer that is being applied.
 */
export interface ChangeTarget<D extends Directory> {
  readonly root: D;
  lookup(at: D, name: Buffer): Found;
  /** The directory that `lookup` has found. Changes nothing by itself. */
  enter(at: D, name: Buffer): D;
  /** A directory that the archive implies and does not hold: mode 0755, owner 0:0, time 0. Replaces a non-directory. */
  makeParent(at: D, name: Buffer): D;
  /**
   * Puts a file, directory, symlink, device or fifo. A directory merges with a directory and gives it new attributes;
   * everything else replaces what was there. Returns whether something was replaced.
   */
  put(at: D, name: Buffer, entry: TarEntry): boolean;
  /** The entry for the root itself: its attributes. */
  putRoot(entry: TarEntry): void;
  /** A second name for the non-directory `toName` in `to`. Returns whether something was replaced. */
  link(at: D, name: Buffer, to: D, toName: Buffer): boolean;
  /** Hides what the layers below have under `name`; what is own stays. Hiding nothing is no error. */
  whiteout(at: D, name: Buffer): void;
  /** Hides what the layers below have in `at`; what is own stays. */
  opaque(at: D): void;
  /** An entry under a name that aufs reserves: never shown, but a hard link may point to it. */
  putReserved(path: string, entry: TarEntry): void;
  linkReserved(at: D, name: Buffer, path: string): boolean;
}
