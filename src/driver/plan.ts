/** One step to reach a tree, as data. `mount/` carries it out; every kind has one undo. All paths are absolute. */
export type MountStep = OverlayStep | BindStep;

/** An overlayfs mount. Undo: unmount `target`. */
export interface OverlayStep {
  readonly kind: "overlay";
  readonly target: string;
  /** Topmost first; at least one, and at least two without `upper` (overlayfs demands it). */
  readonly lowers: readonly string[];
  readonly upper?: { readonly directory: string; readonly work: string };
  /** Further options of the kernel, such as `index=off`, `userxattr`. */
  readonly options: readonly string[];
}

/** A bind mount of `source` on `target`. Undo: unmount `target`. */
export interface BindStep {
  readonly kind: "bind";
  readonly source: string;
  readonly target: string;
  readonly readOnly: boolean;
}
