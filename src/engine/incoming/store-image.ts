import { chainIDs } from "../../core/chain-id.ts";
import type { ImageConfig } from "../../core/config.ts";
import type { Digest } from "../../core/digest.ts";
import { LayerfsError } from "../../core/errors.ts";
import { listImageIDs, removeImageConfig, writeImageConfig } from "../../image/image-db.ts";
import { type Repositories, readRepositories, writeRepositories } from "../../image/repositories.ts";
import type { LayerBytes } from "../../layer/apply/job.ts";
import type { ApplyPool } from "../../layer/apply/pool.ts";
import { type Claim, claimLayers } from "../../layer/claim.ts";
import { readLayerRecord } from "../../layer/records.ts";
import { cleanUpAfter } from "../../layer/remove.ts";
import { exclusively } from "../../layer/store.ts";
import { type LayerEvent, type PlannedLayer, unpackChain } from "../../layer/unpack-chain.ts";
import type { CallOptions } from "../engine.ts";
import { refuseUnsupported } from "../images/refuse-unsupported.ts";
import { recoverAll } from "../recover.ts";
import type { Stores } from "../stores.ts";

/** An image on its way into the store. */
export interface IncomingImage<T> {
  readonly config: ImageConfig;
  /** Each layer as it comes, for the progress: its bytes and, where it has one, its digest. Lowest first. */
  readonly stored: readonly { readonly size: number; readonly digest?: Digest | undefined }[];
  /** For the lease, such as `load sha256:…`. */
  readonly reason: string;
  /** Called once with the places of the layers that must be made, lowest first; gives their bytes in the same order. */
  readonly bytesOf: (places: readonly number[]) => Promise<readonly LayerBytes[]>;
  /** A layer that `bytesOf` gave could not be unpacked. */
  readonly onFailure?: (place: number, error: unknown) => void;
  /** Notes what is known of the image's layers besides; under the exclusive lock, with all of them there. */
  readonly note?: () => void;
  /** Names the image; under the exclusive lock, with all layers there. Gives the new names and the call's answer. */
  readonly name: (repositories: Repositories) => { readonly repositories: Repositories; readonly answer: T };
}

/**
 * Brings an image into the store: its missing layers are unpacked in parallel, and then it gets visible with its names.
 * What is visible of it afterwards is all of it or nothing. Layers that others are making are waited for.
 */
export async function storeImage<T>(
  stores: Stores,
  image: IncomingImage<T>,
  pool: ApplyPool,
  options: CallOptions,
): Promise<T> {
  refuseUnsupported(image.config);
  const chain = chainIDs(image.config.rootfs.diffIDs);
  const claim = await claimLayers(stores.layers, chain, {
    reason: image.reason,
    before: () => recoverAll(stores),
    signal: options.signal,
  });
  try {
    reportExisting(image, chain, claim, options);
    await unpackChain(stores.layers, await planLayers(stores, image, chain, claim), {
      pool,
      workName: claim.lease.workName,
      maxLayerSize: stores.maxLayerSize,
      ignoreOwners: stores.ignoreOwners,
      signal: options.signal,
      onLayer(event) {
        if (event.type === "failed") image.onFailure?.(chain.indexOf(event.chainID), event.error);
        else reportLayer(image, event, options);
      },
    });
    return await exclusively(stores.layers, () => publish(stores, image, claim));
  } catch (error) {
    const discard = (): void => claim.lease[Symbol.dispose]();
    await exclusively(stores.layers, () => cleanUpAfter(stores.layers, { ...claim.lease, discard }));
    throw error;
  }
}

function publish<T>(stores: Stores, { config, note, name }: IncomingImage<T>, claim: Claim): T {
  note?.();
  const isNew = !listImageIDs(stores.images).includes(config.digest);
  const before = readRepositories(stores.images);
  const { repositories, answer } = name(before);
  writeImageConfig(stores.images, config);
  try {
    if (repositories !== before) writeRepositories(stores.images, repositories);
  } catch (error) {
    if (isNew) removeImageConfig(stores.images, config.digest);
    throw error;
  }
  claim.lease[Symbol.dispose]();
  return answer;
}

async function planLayers<T>(
  stores: Stores,
  { config, bytesOf }: IncomingImage<T>,
  chain: readonly Digest[],
  claim: Claim,
): Promise<PlannedLayer[]> {
  const cacheIDs = new Map<Digest, string>(claim.missing.map(({ chainID, cacheID }) => [chainID, cacheID]));
  const cacheIDOf = (chainID: Digest): string => {
    const cacheID = cacheIDs.get(chainID) ?? readLayerRecord(stores.layers.layout, chainID)?.cacheID;
    if (cacheID !== undefined) return cacheID;
    throw new LayerfsError("CORRUPT_STORE", `layer ${chainID} is gone from the store, although it is in use`);
  };
  const places = chain.flatMap((chainID, place) => (cacheIDs.has(chainID) ? [place] : []));
  const bytes = await bytesOf(places);
  return places.map((place, number) => {
    const [chainID, below] = [chain[place] as Digest, chain[place - 1]];
    return {
      chainID,
      diffID: config.rootfs.diffIDs[place] as Digest,
      parent: below === undefined ? null : { chainID: below, cacheID: cacheIDOf(below) },
      cacheID: cacheIDOf(chainID),
      bytes: bytes[number] as LayerBytes,
    };
  });
}

function reportExisting<T>(
  { config, stored }: IncomingImage<T>,
  chain: readonly Digest[],
  claim: Claim,
  { onProgress }: CallOptions,
): void {
  const missing = new Set(claim.missing.map(({ chainID }) => chainID));
  for (const [place, layer] of config.rootfs.diffIDs.entries()) {
    const { size = 0, digest: blob } = stored[place] ?? {};
    if (!missing.has(chain[place] as Digest)) onProgress?.({ type: "layer-exists", layer, blob });
    else onProgress?.({ type: "layer-start", layer, blob, total: size });
  }
}

function reportLayer<T>(
  { config, stored }: IncomingImage<T>,
  event: Exclude<LayerEvent, { type: "failed" }>,
  { onProgress }: CallOptions,
): void {
  const { diffID: layer } = event;
  if (event.type === "progress") onProgress?.({ type: "layer-progress", layer, bytes: event.bytes });
  else {
    const blob = stored[config.rootfs.diffIDs.indexOf(layer)]?.digest;
    onProgress?.({ type: "layer-done", layer, blob, warnings: event.warnings });
  }
}
