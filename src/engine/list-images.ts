import type { Digest } from "../core/digest.ts";
import { isLayerfsError } from "../core/errors.ts";
import { compareTimespec, parseRfc3339 } from "../core/timespec.ts";
import { listImageIDs, readWholeConfig, topChain } from "../image/image-db.ts";
import { readRepositories, tagsOf } from "../image/repositories.ts";
import { readChain } from "../layer/store.ts";
import type { ImageSummary } from "./engine.ts";
import type { Stores } from "./stores.ts";

/** Newest first; equal times by id, so that the order is stable. Images that are damaged or whose layers are not all there are left out, as by Docker. */
export function listImages(stores: Stores): ImageSummary[] {
  const repositories = readRepositories(stores.images);
  const summaries = listImageIDs(stores.images).flatMap((id): ImageSummary[] => {
    const config = readWholeConfig(stores.images, id);
    const size = config === null ? null : contentSize(stores, topChain(config));
    if (config === null || size === null) return [];
    const image = { id, created: config.created ?? null, size };
    const names = tagsOf(repositories, id).map(({ repository, name }) => ({
      ...image,
      repository,
      ...splitName(repository, name),
    }));
    return names.length > 0 ? names : [{ ...image, repository: null, tag: null, digest: null }];
  });
  return summaries.sort(newestFirst);
}

/** Bytes of content of a layer and all below it; null where the record of one of them is missing or damaged. */
export function contentSize(stores: Stores, chainID: Digest | null): number | null {
  if (chainID === null) return 0;
  try {
    const chain = readChain(stores.layers, chainID);
    return chain === null ? null : chain.reduce((sum, { size }) => sum + size, 0);
  } catch (error) {
    if (isLayerfsError(error, "CORRUPT_STORE")) return null;
    throw error;
  }
}

function splitName(repository: string, name: string): { tag: string | null; digest: string | null } {
  const rest = name.slice(repository.length);
  return rest.startsWith("@") ? { tag: null, digest: rest.slice(1) } : { tag: rest.slice(1), digest: null };
}

function newestFirst(a: ImageSummary, b: ImageSummary): number {
  const never = { seconds: Number.NEGATIVE_INFINITY, nanoseconds: 0 };
  const [timeA, timeB] = [a, b].map(({ created }) => (created === null ? never : (parseRfc3339(created) ?? never)));
  if (timeA === undefined || timeB === undefined) return 0;
  return compareTimespec(timeB, timeA) || (a.id < b.id ? -1 : Number(a.id > b.id));
}
