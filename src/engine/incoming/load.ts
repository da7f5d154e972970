import type { Digest } from "../../core/digest.ts";
import { LayerfsError } from "../../core/errors.ts";
import type { Image, ImageSource, Layer } from "../../core/image.ts";
import { familiarString, withDefaultTag } from "../../core/reference.ts";
import { findName, type Repositories, withName } from "../../image/repositories.ts";
import type { LayerBytes } from "../../layer/apply/job.ts";
import type { ApplyPool } from "../../layer/apply/pool.ts";
import type { CallOptions, LoadedImage } from "../engine.ts";
import type { Stores } from "../stores.ts";
import { storeImage } from "./store-image.ts";

/** Loads every image of a source, one after the other; the layers of one are unpacked in parallel. */
export async function loadImages(
  stores: Stores,
  source: ImageSource,
  pool: ApplyPool,
  options: CallOptions,
): Promise<LoadedImage[]> {
  const loaded: LoadedImage[] = [];
  for (const image of source.images) loaded.push(await loadImage(stores, image, pool, options));
  return loaded;
}

function loadImage(stores: Stores, image: Image, pool: ApplyPool, options: CallOptions): Promise<LoadedImage> {
  const incoming = {
    config: image.config,
    stored: image.layers.map(({ extent }) => ({ size: extent?.length ?? 0 })),
    reason: `load ${image.id}`,
    bytesOf: async (places: readonly number[]) => places.map((place) => blobOf(image.layers[place] as Layer)),
    name: (repositories: Repositories) => nameLoaded(repositories, image),
  };
  return storeImage(stores, incoming, pool, options);
}

function nameLoaded(before: Repositories, image: Image): { repositories: Repositories; answer: LoadedImage } {
  let repositories = before;
  const renamed: { name: string; from: Digest }[] = [];
  const names = image.names.map(withDefaultTag);
  for (const reference of names) {
    const holder = findName(repositories, reference);
    if (holder !== null && holder !== image.id) renamed.push({ name: familiarString(reference), from: holder });
    repositories = withName(repositories, reference, image.id);
  }
  return { repositories, answer: { id: image.id, names: names.map(familiarString), renamed } };
}

/** The layer's bytes for a worker. */
function blobOf({ diffID, extent, blobDigest }: Layer): LayerBytes {
  if (extent !== undefined) return { kind: "blob", extent, digest: blobDigest ?? null };
  throw new LayerfsError("UNSUPPORTED", `layer ${diffID}: its source cannot be read by several threads`);
}
