import { chainIDs } from "../core/chain-id.ts";
import type { Digest } from "../core/digest.ts";
import { isLayerfsError, LayerfsError } from "../core/errors.ts";
import { imageChains, readImageConfig, removeImageConfig } from "../image/image-db.ts";
import { readRepositories, tagsOf, withoutName, writeRepositories } from "../image/repositories.ts";
import { resolveImage } from "../image/resolve.ts";
import { createLease } from "../layer/lease.ts";
import { removeUnused } from "../layer/remove.ts";
import { exclusively } from "../layer/store.ts";
import type { RemovedImage } from "./engine.ts";
import { recoverAll } from "./recover.ts";
import type { Stores } from "./stores.ts";

type Step = RemovedImage["steps"][number];

/**
 * Removes a name, and with the last one the image and its unused layers; by id all of it. Docker's rules and words
 * (moby, daemon/images/image_delete.go): an id with names in it only with `force`; never while it is mounted. Fails with CORRUPT_STORE, changing nothing, where
 * the config of another image is damaged, for its layers are then not known.
 */
export function removeImage(stores: Stores, text: string, force: boolean): Promise<RemovedImage> {
  return exclusively(stores.layers, async () => {
    await recoverAll(stores);
    const { id, tag } = resolveImage(stores.images, text);
    const repositories = readRepositories(stores.images);
    const tags = tagsOf(repositories, id);
    const going = tag === null ? tags : [tag];
    if (tag === null && tags.length > 1 && !force) throw referenced(id);
    const last = going.length === tags.length;
    if (last) {
      refuseMounted(stores, id);
      if (layersOf(stores, id).length > 0) imageChains(stores.images);
    }
    writeRepositories(stores.images, going.reduce(withoutName, repositories));
    const untagged = going.map(({ name }): Step => ({ kind: "untagged", name }));
    return { steps: last ? [...untagged, ...(await deleteImage(stores, id))] : untagged };
  });
}

/** A lease names the layers before anything is removed, so that after a crash the rest is removed too. */
async function deleteImage(stores: Stores, id: Digest): Promise<Step[]> {
  const chain = layersOf(stores, id);
  using lease = createLease(stores.layers.layout, { reason: `rmi ${id}`, chainIDs: chain, making: [], cacheIDs: [] });
  removeImageConfig(stores.images, id);
  const removed = await removeUnused(stores.layers, chain, lease.id);
  return [id, ...removed].map((name): Step => ({ kind: "deleted", name }));
}

/** An image whose config is damaged can still be removed; its layers cannot be known, and stay. */
function layersOf(stores: Stores, id: Digest): Digest[] {
  try {
    return chainIDs(readImageConfig(stores.images, id)?.rootfs.diffIDs ?? []);
  } catch (error) {
    if (isLayerfsError(error, "CORRUPT_STORE")) return [];
    throw error;
  }
}

function refuseMounted(stores: Stores, id: Digest): void {
  const holder = stores.holders.list().find(({ subject }) => subject === id);
  if (holder === undefined) return;
  throw new LayerfsError(
    "CONFLICT",
    `conflict: unable to delete ${id} (cannot be forced) - image is mounted on ${holder.target}`,
    {
      hint: `unmount it first: layerfs umount ${holder.target}`,
    },
  );
}

function referenced(id: Digest): LayerfsError {
  const short = id.slice("sha256:".length, "sha256:".length + 12);
  return new LayerfsError(
    "CONFLICT",
    `conflict: unable to delete ${short} (must be forced) - image is referenced in multiple repositories`,
    { hint: "remove it by its names, or all at once with -f" },
  );
}
