import { treeTar } from "../../container/tree-tar.ts";
import { LayerfsError, printable } from "../../core/errors.ts";
import type { RootPlace } from "../../sys/resolve-in-root.ts";
import { type CopySource, describeCopy } from "./copy-source.ts";

/** A node of a tree on disk, which `path` has led to. Fails with UNSUPPORTED for a socket. */
export function treeSource(place: RootPlace, path: string): CopySource {
  if (place.stat?.kind === "socket") {
    throw new LayerfsError("UNSUPPORTED", `${printable(path)}: a socket cannot be copied`);
  }
  return {
    ...describeCopy(path, place.names.at(-1) ?? Buffer.alloc(0), place.stat?.kind === "directory"),
    tar: (options) => treeTar(place, options),
  };
}
