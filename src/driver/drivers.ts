import type { DriverEntry } from "./driver.ts";
import { overlay2 } from "./overlay2.ts";
import { vfs } from "./vfs.ts";

/** The drivers that layerfs has, in the order in which they are tried on an empty data root. */
export const drivers: readonly DriverEntry[] = [overlay2, vfs];
