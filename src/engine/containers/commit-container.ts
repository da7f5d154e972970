import { randomBytes } from "node:crypto";
import { type HeldContainer, holdContainer } from "../../container/access.ts";
import { changedLayer } from "../../container/changes.ts";
import { committedConfig, committedRunConfig } from "../../container/committed-config.ts";
import type { Container } from "../../container/container.ts";
import { resolveContainer } from "../../container/resolve.ts";
import type { ImageConfig } from "../../core/config.ts";
import type { Digest } from "../../core/digest.ts";
import { LayerfsError } from "../../core/errors.ts";
import { familiarString, type NamedReference } from "../../core/reference.ts";
import { readImageConfig, removeImageConfig, topChain, writeImageConfig } from "../../image/image-db.ts";
import { writeLastTagTime, writeParent } from "../../image/metadata.ts";
import { readRepositories, withName, writeRepositories } from "../../image/repositories.ts";
import type { ApplyPool } from "../../layer/apply/pool.ts";
import { createLease, type Lease } from "../../layer/lease.ts";
import { makeLayer, type NewLayer, recordLayer } from "../../layer/new-layer.ts";
import { readLayerRecord } from "../../layer/records.ts";
import { cleanUpAfter } from "../../layer/remove.ts";
import { exclusively } from "../../layer/store.ts";
import { placeOf } from "../../layer/whole.ts";
import type { CallOptions } from "../engine.ts";
import { parseNewTag } from "../images/tag-image.ts";
import { recoverAll } from "../recover.ts";
import type { Stores } from "../stores.ts";

export interface CommitOptions extends Pick<CallOptions, "signal"> {
  /** Name of the new image, with the tag `latest` where it has none. Default: it is known by its id only. */
  readonly reference?: string | undefined;
  readonly author?: string | undefined;
  /** Comment of the step in the new image's history. */
  readonly message?: string | undefined;
  /** Instructions of a Dockerfile for the new image's config; see `changeConfig`. */
  readonly changes?: readonly string[] | undefined;
}

export interface CommittedImage {
  readonly id: Digest;
  readonly name: string | null;
  /** DiffID of the new layer; null where nothing was changed in the container. */
  readonly layer: Digest | null;
}

/**
 * Fails, before anything is made, with NOT_FOUND (the container, or its image), INVALID_REFERENCE, INVALID_CONFIG and
 * CONFLICT (it is being removed); then as a layer that is unpacked.
 */
export async function commitContainer(
  stores: Stores,
  text: string,
  pool: ApplyPool,
  options: CommitOptions,
): Promise<CommittedImage> {
  const name = options.reference === undefined ? null : parseNewTag(options.reference);
  const container = resolveContainer(stores, text);
  refuseRemoved(container);
  const parent = parentOf(stores, container);
  const config = committedRunConfig(container, options.changes ?? []);
  using held = await holdContainer(stores, container, "read", options.signal);
  return await withLeases(stores, `commit ${container.id}`, async (lease) => {
    const layer = await layerOf(stores, container, held, { pool, signal: options.signal, lease });
    const { author, message } = options;
    const diffID = layer?.diffID ?? null;
    const image = committedConfig(container, { parent, config, diffID, author, message, created: new Date() });
    await exclusively(stores.layers, async () => {
      if (layer !== null) {
        // The chainID is known only now. Once it is recorded, this lease alone leads to it until the image does.
        lease([layer.chainID], layer.cacheID);
        await recordLayer(stores.layers, layer);
      }
      publish(stores, image, parent, name);
    });
    return { id: image.digest, name: name && familiarString(name), layer: diffID };
  });
}

/** Takes a lease; the caller holds the exclusive lock. */
type TakeLease = (chainIDs: readonly Digest[], cacheID: string) => Lease;

/** Gives the leases back at the end; after a failure also removes what was made under them. */
async function withLeases<T>(stores: Stores, reason: string, act: (lease: TakeLease) => Promise<T>): Promise<T> {
  const leases: Lease[] = [];
  try {
    const done = await act((chainIDs, cacheID) => {
      const lease = createLease(stores.layers.layout, { reason, chainIDs, making: [], cacheIDs: [cacheID] });
      leases.push(lease);
      return lease;
    });
    for (const lease of leases.splice(0)) lease[Symbol.dispose]();
    return done;
  } catch (error) {
    await exclusively(stores.layers, async () => {
      for (const lease of leases.toReversed())
        await cleanUpAfter(stores.layers, { ...lease, discard: () => lease[Symbol.dispose]() });
    });
    throw error;
  }
}

interface MakeOptions {
  readonly pool: ApplyPool;
  readonly signal: AbortSignal | undefined;
  readonly lease: TakeLease;
}

async function layerOf(
  stores: Stores,
  container: Container,
  held: HeldContainer,
  { pool, signal, lease }: MakeOptions,
): Promise<NewLayer | null> {
  const cacheID = randomBytes(32).toString("hex");
  const parent = layerBelow(stores, container);
  const { workName } = await exclusively(
    stores.layers,
    async () => {
      await recoverAll(stores);
      return lease(parent === null ? [] : [parent.chainID], cacheID);
    },
    signal,
  );
  const { maxLayerSize, ignoreOwners } = stores;
  const settings = { pool, parent, cacheID, workName, maxLayerSize, ignoreOwners, signal };
  return await makeLayer(stores.layers, changedLayer(stores, container, held), settings);
}

/** In Docker's words. */
function refuseRemoved({ id, state }: Container): void {
  if (state !== "removing" && state !== "dead") return;
  const what = state === "dead" ? "Dead" : "being removed";
  throw new LayerfsError("CONFLICT", `You cannot commit container ${id} which is ${what}`);
}

/** The image that the container was made of. */
function parentOf(stores: Stores, { id, image, layer }: Container): ImageConfig | null {
  const config = image === null ? null : readImageConfig(stores.images, image);
  if (config !== null && topChain(config) === layer.parent) return config;
  if (image === null && layer.parent === null) return null;
  throw new LayerfsError("NOT_FOUND", `No such image: ${image ?? layer.parent}`, {
    hint: `container ${id} was made of it, and it was removed since; \`layerfs export\` gives the container's tree`,
  });
}

function layerBelow(stores: Stores, { layer }: Container): { chainID: Digest; cacheID: string } | null {
  if (layer.parent === null) return null;
  const record = readLayerRecord(stores.layers.layout, layer.parent);
  if (record === null) throw new LayerfsError("CORRUPT_STORE", `layer ${layer.parent} is gone, although it is in use`);
  placeOf(stores.layers, record);
  return record;
}

/** The names come last, so that none is given to an image that is not there. */
function publish(stores: Stores, image: ImageConfig, parent: ImageConfig | null, name: NamedReference | null): void {
  const id = image.digest;
  try {
    if (parent !== null) writeParent(stores.images, id, parent.digest);
    writeImageConfig(stores.images, image);
    if (name === null) return;
    writeRepositories(stores.images, withName(readRepositories(stores.images), name, id));
    writeLastTagTime(stores.images, id, new Date());
  } catch (error) {
    removeImageConfig(stores.images, id);
    throw error;
  }
}
