import { LayerfsError } from "../../core/errors.ts";
import { EEXIST, ENOENT, systemError } from "../../sys/errno.ts";
import { printableKey } from "../../union/entry-path.ts";

/**
 * Makes the hard link at `path` (a key) by `make`, which returns a result or -errno; where something stands there it is
 * removed first. Returns whether it was. Fails with INVALID_LAYER where removing took the target away too.
 */
export function makeLink(path: string, make: () => number, remove: () => void): boolean {
  let result = make();
  const replaced = result === -EEXIST;
  if (replaced) {
    remove();
    result = make();
  }
  if (result === -ENOENT) {
    throw new LayerfsError(
      "INVALID_LAYER",
      `${printableKey(path)}: the target of this hard link is not there any more`,
    );
  }
  if (result < 0) throw systemError(result, "link", printableKey(path));
  return replaced;
}
