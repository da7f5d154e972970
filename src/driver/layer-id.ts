import { LayerfsError, printable } from "../core/errors.ts";

/** What a removal renames a layer's directory to first; dockerd ignores such directories. */
export const REMOVING = "-removing";

/** Names of the drivers' own in the directory that holds the layers. */
const RESERVED = /^l$|^check-|-removing$|^backingFsBlockDev$/;

/**
 * Whether a name can be a layer's: Docker's 64 hex digits (and that with `-init`), but also whatever else a data root
 * may hold, as long as it is one path component and none of the drivers' own.
 */
export function isLayerID(name: string): boolean {
  return /^[A-Za-z0-9][A-Za-z0-9_.-]*$/.test(name) && name.length <= 200 && !RESERVED.test(name);
}

/** Fails with USAGE: an id is part of a path, so a wrong one must go no further. */
export function checkLayerID(id: string): void {
  if (isLayerID(id)) return;
  throw new LayerfsError("USAGE", `layer id "${printable(id)}": expected letters, digits, ".", "_" or "-"`);
}
