import type { ImageLayout } from "../image/layout.ts";
import type { LayerStore } from "../layer/store.ts";
import type { MountHolders } from "../mount/holders.ts";

/** Storage option that lets a user without root unpack layers: owners are then not set on disk. */
export const IGNORE_OWNERS: string = "vfs.ignore_chown_errors";

/** What every task works on: one data root under one driver. */
export interface Stores {
  readonly root: string;
  readonly layers: LayerStore;
  readonly images: ImageLayout;
  readonly holders: MountHolders;
  /** Why the driver was chosen, one sentence each. */
  readonly choice: readonly string[];
  readonly maxLayerSize: number | null;
  /** Without root and by the user's leave: owners are not set (storage option `vfs.ignore_chown_errors`). */
  readonly ignoreOwners: boolean;
}
