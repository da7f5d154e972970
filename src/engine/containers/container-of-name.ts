import type { Container } from "../../container/container.ts";
import { findContainer, resolveContainer } from "../../container/resolve.ts";
import { isLayerfsError, LayerfsError, printable } from "../../core/errors.ts";
import { resolveImage } from "../../image/resolve.ts";
import { parseSourceName } from "../../source/source-name.ts";
import { parseDockerRoot } from "../docker-root.ts";
import type { Stores } from "../stores.ts";
import type { StackFinder } from "../tree/layer-stack.ts";

/** What a name may be that is a container's or an image's. */
export type TreeType = "container" | "image";

export interface FoundContainer {
  readonly stores: Stores;
  readonly container: Container;
}

/**
 * The container that a text names: null where it is an image's name or a source's, or shall be one. Fails with NOT_FOUND
 * where neither has it, AMBIGUOUS for the beginning of several containers' ids.
 */
export async function containerOfName(
  { text, reading }: StackFinder,
  type: TreeType | undefined,
): Promise<FoundContainer | null> {
  if (type === "image") return null;
  if (type === undefined && (parseSourceName(text) !== null || parseDockerRoot(text) !== null)) return null;
  const stores = await reading();
  if (type === "container") return { stores, container: resolveContainer(stores, text) };
  const container = findContainer(stores, text);
  if (container !== null) return { stores, container };
  if (isImage(stores, text)) return null;
  throw new LayerfsError("NOT_FOUND", `No such container: ${printable(text)}`, {
    hint: "no image has that name either",
  });
}

function isImage({ images }: Stores, text: string): boolean {
  try {
    resolveImage(images, text);
    return true;
  } catch (error) {
    if (isLayerfsError(error, "NOT_FOUND")) return false;
    throw error;
  }
}
