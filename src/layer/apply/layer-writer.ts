import type { ChangeTarget, Directory } from "../../union/change-target.ts";
import type { Warning } from "./warnings.ts";

/** What is known of a layer once all of it is on disk. */
export interface WrittenLayer {
  /** The layer's root is opaque: nothing of the layers below shows. Always false where the tree is a full one. */
  readonly cutsLowers: boolean;
  readonly warnings: readonly Warning[];
}

/**
 * A tree on disk that a layer is written to. Between `put` of a file and `endEntry`, `write` gives its content.
 *
 * `finish` must be called once, after the last entry: it makes the whiteouts and sets the times of directories.
 * Disposing closes every descriptor and undoes nothing.
 */
export interface LayerWriter extends ChangeTarget<Directory>, Disposable {
  write(bytes: Buffer, position: number): void;
  endEntry(): void;
  /** `lowers`: the directories of the layers below, topmost first, complete by now. */
  finish(lowers: readonly string[]): WrittenLayer;
}

/** Thrown (never shown to a user) by an overlay directory that must look below while the layers below are not complete. */
export class LowersNeeded extends Error {
  override readonly name = "LowersNeeded";
}
