import type { ImageConfig } from "../../core/config.ts";
import type { Digest } from "../../core/digest.ts";
import { LayerfsError } from "../../core/errors.ts";
import { familiarString } from "../../core/reference.ts";
import { readParents } from "../../image/metadata.ts";
import { isDigestName, readRepositories, tagsOf } from "../../image/repositories.ts";
import type { ReadOptions } from "../engine.ts";
import type { OpenedImage } from "../source.ts";
import type { Stores } from "../stores.ts";
import { layerSizes } from "./layer-size.ts";
import { openStoredImage } from "./stored-image.ts";

/** A step in the making of an image. */
export interface HistoryStep {
  /** The image that the step ended with, where it is in the store; the newest step's is the image itself. */
  readonly id: Digest | null;
  /** RFC 3339; null where the history does not tell. */
  readonly created: string | null;
  readonly createdBy: string;
  /** Bytes of content of the layer that it made; 0 if it made none. */
  readonly size: number;
  readonly comment: string;
  readonly tags: readonly string[];
}

/**
 * The steps that made an image, the newest first. As Docker has it (moby, daemon/images/image_history.go), the ids are
 * those of the image and of the parents that are known here, one a step from the newest on. Fails as `openStoredImage`,
 * and with INVALID_CONFIG where the history tells of more layers than there are.
 */
export function imageHistory(stores: Stores, text: string): HistoryStep[] {
  const { id, config, layers } = openStoredImage(stores, text);
  const sizes = layers.map(({ size }) => size);
  return steps(id, config, sizes, lineageOf(stores, id));
}

/** The same of an image that lies in a source. All layers are read for their sizes, and verified. */
export async function sourceHistory({ image }: OpenedImage, options: ReadOptions): Promise<HistoryStep[]> {
  const { id, config, names } = image;
  const tags = names.filter(({ digest }) => digest === undefined).map(familiarString);
  return steps(id, config, await layerSizes(image, options), [{ id, tags }]);
}

type Ancestor = Pick<HistoryStep, "id" | "tags">;

/** `sizes`: of the layers, lowest first. `lineage`: the image, its parent and so on. */
function steps(
  id: Digest,
  { history }: ImageConfig,
  sizes: readonly number[],
  lineage: readonly Ancestor[],
): HistoryStep[] {
  const left = sizes.values();
  const made = history.map(({ emptyLayer, created = null, createdBy = "", comment = "" }): HistoryStep => {
    const size = emptyLayer ? 0 : left.next().value;
    if (size === undefined) {
      throw new LayerfsError("INVALID_CONFIG", `image ${id}: too many non-empty layers in History section`, {
        hint: `it has ${sizes.length} layers`,
      });
    }
    return { id: null, created, createdBy, size, comment, tags: [] };
  });
  return made.reverse().map((step, index) => ({ ...step, ...lineage[index] }));
}

/** The image, its parent and so on, as far as they are recorded. */
function lineageOf(stores: Stores, id: Digest): Ancestor[] {
  const parents = readParents(stores.images);
  const repositories = readRepositories(stores.images);
  const ids = new Set<Digest>();
  for (let next: Digest | undefined = id; next !== undefined && !ids.has(next); next = parents.get(next)) ids.add(next);
  return [...ids].map((each) => ({
    id: each,
    tags: tagsOf(repositories, each)
      .filter((tag) => !isDigestName(tag))
      .map(({ name }) => name),
  }));
}
