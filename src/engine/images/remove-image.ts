import { imageUsers } from "../../container/image-users.ts";
import { chainIDs } from "../../core/chain-id.ts";
import type { Digest } from "../../core/digest.ts";
import { isLayerfsError, LayerfsError } from "../../core/errors.ts";
import { imageChains, readImageConfig, removeImageConfig } from "../../image/image-db.ts";
import { readParents } from "../../image/metadata.ts";
import { planRemoval, type RemovalOptions, type RemovalState } from "../../image/removal.ts";
import { readRepositories, withoutName, writeRepositories } from "../../image/repositories.ts";
import { resolveImage } from "../../image/resolve.ts";
import { createLease } from "../../layer/lease.ts";
import { removeUnused } from "../../layer/remove.ts";
import { exclusively } from "../../layer/store.ts";
import { recoverAll } from "../recover.ts";
import type { Stores } from "../stores.ts";

export interface RemovedImage {
  /** In order, as `docker rmi` prints them: "Untagged: …", "Deleted: …". */
  readonly steps: readonly { readonly kind: "untagged" | "deleted"; readonly name: string }[];
}

type Step = RemovedImage["steps"][number];

/**
 * Removes a name, and with the last one the image and its unused layers; by id all of it. The rules: `planRemoval`.
 * Fails with CORRUPT_STORE, changing nothing, where the config of another image is damaged, for its layers are then not
 * known.
 */
export function removeImage(stores: Stores, text: string, options: RemovalOptions): Promise<RemovedImage> {
  if (text.trim() === "") throw new LayerfsError("INVALID_REFERENCE", "image name cannot be blank");
  return exclusively(stores.layers, async () => {
    await recoverAll(stores);
    const state = removalState(stores);
    const actions = planRemoval(state, resolveImage(stores.images, text), text, options);
    const deletesLayers = actions.some((action) => action.kind === "delete" && layersOf(stores, action.id).length > 0);
    if (deletesLayers) imageChains(stores.images);
    const tags = actions.flatMap((action) => (action.kind === "untag" ? [action.tag] : []));
    if (tags.length > 0) writeRepositories(stores.images, tags.reduce(withoutName, state.repositories));
    const steps: Step[] = [];
    for (const action of actions) {
      if (action.kind === "untag") steps.push({ kind: "untagged", name: action.tag.name });
      else steps.push(...(await deleteImage(stores, action.id)));
    }
    return { steps };
  });
}

function removalState(stores: Stores): RemovalState {
  const mounts = stores.holders.list();
  const usersOf = imageUsers(stores);
  return {
    repositories: readRepositories(stores.images),
    parents: readParents(stores.images),
    containersOf: (id) => usersOf(id, layersOf(stores, id).at(-1) ?? null),
    mountedOn: (id) => mounts.find(({ subject }) => subject === id)?.target ?? null,
  };
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
