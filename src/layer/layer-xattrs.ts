import { getXattr, listXattrs } from "../sys/xattr.ts";
import { isOverlayXattr } from "../union/xattrs.ts";

/**
 * The extended attributes of a node that belong to a layer: its capabilities and `user.` ones, as in Docker. Labels,
 * access lists and `trusted.` attributes belong to the machine, those of overlayfs to its mounts.
 */
export function layerXattrs(directory: number, name: Buffer): ReadonlyMap<string, Buffer> {
  const keys = listXattrs(directory, name).filter(
    (key) => key === "security.capability" || (key.startsWith("user.") && !isOverlayXattr(key)),
  );
  if (keys.length === 0) return NONE;
  const found = new Map<string, Buffer>();
  for (const key of keys) {
    const value = getXattr(directory, name, key);
    if (value !== null) found.set(key, value);
  }
  return found;
}

const NONE: ReadonlyMap<string, Buffer> = new Map();
