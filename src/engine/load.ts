import { chainIDs } from "../core/chain-id.ts";
import { configPlatform } from "../core/config.ts";
import { type Digest, digestAlgorithm } from "../core/digest.ts";
import { LayerfsError } from "../core/errors.ts";
import type { Image, ImageSource, Layer } from "../core/image.ts";
import { familiarString, withDefaultTag } from "../core/reference.ts";
import { listImageIDs, removeImageConfig, writeImageConfig } from "../image/image-db.ts";
import { findName, readRepositories, withName, writeRepositories } from "../image/repositories.ts";
import type { LayerBytes } from "../layer/apply/job.ts";
import type { ApplyPool } from "../layer/apply/pool.ts";
import { type Claim, claimLayers } from "../layer/claim.ts";
import { readLayerRecord } from "../layer/records.ts";
import { cleanUpAfter } from "../layer/remove.ts";
import { exclusively } from "../layer/store.ts";
import { type LayerEvent, type PlannedLayer, unpackChain } from "../layer/unpack-chain.ts";
import type { CallOptions, LoadedImage } from "./engine.ts";
import { recoverAll } from "./recover.ts";
import type { Stores } from "./stores.ts";

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

/** What is visible of the image afterwards is all of it or nothing. */
async function loadImage(stores: Stores, image: Image, pool: ApplyPool, options: CallOptions): Promise<LoadedImage> {
  refuseUnsupported(image);
  const chain = chainIDs(image.config.rootfs.diffIDs);
  const claim = await claimLayers(stores.layers, chain, {
    reason: `load ${image.id}`,
    before: () => recoverAll(stores),
    signal: options.signal,
  });
  try {
    reportExisting(image, chain, claim, options);
    await unpackChain(stores.layers, planLayers(stores, image, chain, claim), {
      pool,
      workName: claim.lease.workName,
      maxLayerSize: stores.maxLayerSize,
      ignoreOwners: stores.ignoreOwners,
      signal: options.signal,
      onLayer: (event) => reportLayer(event, options),
    });
    return await exclusively(stores.layers, () => publish(stores, image, claim));
  } catch (error) {
    const discard = (): void => claim.lease[Symbol.dispose]();
    await exclusively(stores.layers, () => cleanUpAfter(stores.layers, { ...claim.lease, discard }));
    throw error;
  }
}

function publish(stores: Stores, image: Image, claim: Claim): LoadedImage {
  const isNew = !listImageIDs(stores.images).includes(image.id);
  let repositories = readRepositories(stores.images);
  const renamed: { name: string; from: Digest }[] = [];
  const names = image.names.map(withDefaultTag);
  for (const reference of names) {
    const before = findName(repositories, reference);
    if (before !== null && before !== image.id) renamed.push({ name: familiarString(reference), from: before });
    repositories = withName(repositories, reference, image.id);
  }
  writeImageConfig(stores.images, image.config);
  try {
    if (names.length > 0) writeRepositories(stores.images, repositories);
  } catch (error) {
    if (isNew) removeImageConfig(stores.images, image.id);
    throw error;
  }
  claim.lease[Symbol.dispose]();
  return { id: image.id, names: names.map(familiarString), renamed };
}

function planLayers(stores: Stores, image: Image, chain: readonly Digest[], claim: Claim): PlannedLayer[] {
  const cacheIDs = new Map<Digest, string>(claim.missing.map(({ chainID, cacheID }) => [chainID, cacheID]));
  const cacheIDOf = (chainID: Digest): string => {
    const cacheID = cacheIDs.get(chainID) ?? readLayerRecord(stores.layers.layout, chainID)?.cacheID;
    if (cacheID !== undefined) return cacheID;
    throw new LayerfsError("CORRUPT_STORE", `layer ${chainID} is gone from the store, although it is in use`);
  };
  return image.layers.flatMap((layer, index) => {
    const chainID = chain[index] as Digest;
    if (!cacheIDs.has(chainID)) return [];
    const below = index === 0 ? undefined : chain[index - 1];
    return {
      chainID,
      diffID: layer.diffID,
      parent: below === undefined ? null : { chainID: below, cacheID: cacheIDOf(below) },
      cacheID: cacheIDOf(chainID),
      bytes: blobOf(layer),
    };
  });
}

/** The layer's bytes for a worker. */
export function blobOf({ diffID, extent, blobDigest }: Layer): LayerBytes {
  if (extent !== undefined) return { kind: "blob", extent, digest: blobDigest ?? null };
  throw new LayerfsError("UNSUPPORTED", `layer ${diffID}: its source cannot be read by several threads`);
}

function reportExisting(image: Image, chain: readonly Digest[], claim: Claim, { onProgress }: CallOptions): void {
  const missing = new Set(claim.missing.map(({ chainID }) => chainID));
  for (const [index, { diffID, extent }] of image.layers.entries()) {
    if (!missing.has(chain[index] as Digest)) onProgress?.({ type: "layer-exists", layer: diffID });
    else onProgress?.({ type: "layer-start", layer: diffID, total: extent?.length ?? 0 });
  }
}

function reportLayer(event: LayerEvent, { onProgress }: CallOptions): void {
  if (event.type === "progress") onProgress?.({ type: "layer-progress", layer: event.diffID, bytes: event.bytes });
  else onProgress?.({ type: "layer-done", layer: event.diffID, warnings: event.warnings });
}

/** Fails with UNSUPPORTED for what Docker refuses too: layers of another form, or without a place in its layout. */
export function refuseUnsupported(image: Image): void {
  const { os } = configPlatform(image.config);
  if (os !== "linux") {
    throw new LayerfsError("UNSUPPORTED", `image ${image.id} is for ${os}: its layers cannot be unpacked here`);
  }
  const other = image.config.rootfs.diffIDs.find((diffID) => digestAlgorithm(diffID) !== "sha256");
  if (other !== undefined) {
    throw new LayerfsError("UNSUPPORTED", `image ${image.id}: layer ${other} is named by another digest than sha256`);
  }
}
