import { readdirSync } from "node:fs";
import { resolve } from "node:path";
import type { Digest } from "../../core/digest.ts";
import { isLayerfsError, LayerfsError } from "../../core/errors.ts";
import type { ApplyJob } from "../../layer/apply/job.ts";
import type { ApplyOutcome, ApplyPool, JobCallbacks } from "../../layer/apply/pool.ts";
import type { Warning } from "../../layer/apply/warnings.ts";
import { createLease } from "../../layer/lease.ts";
import { exclusively } from "../../layer/store.ts";
import { placeOf } from "../../layer/whole.ts";
import { makeDirectories } from "../../sys/make-directories.ts";
import type { CallOptions } from "../engine.ts";
import { isThere, openStoredImage, type StoredImage } from "../images/stored-image.ts";
import { atHand, type WorkerBytes } from "../outgoing/spooled-layer.ts";
import type { Stores } from "../stores.ts";

/** How files are written. */
export interface UnpackSettings {
  readonly maxLayerSize: number | null;
  readonly ignoreOwners: boolean;
}

export interface LayerToUnpack {
  readonly diffID: Digest;
  /** Called when it is the layer's turn. */
  readonly open: () => Promise<WorkerBytes>;
  /** For the progress. */
  readonly size: number;
}

type Unpacked = { readonly warnings: readonly Warning[] };

/**
 * Writes an image's tree to `directory`, layer by layer by the changeset rules, owners and all. The directory is made
 * if it is absent, and must be empty. After a failure what was written so far stays there.
 */
export async function unpackImage(
  stores: Stores,
  text: string,
  directory: string,
  pool: ApplyPool,
  options: CallOptions,
): Promise<Unpacked> {
  const target = prepareTarget(directory);
  const { image, lease } = await exclusively(stores.layers, () => leaseImage(stores, text), options.signal);
  using _lease = lease;
  return await unpackStored(stores, image, target, pool, options);
}

/**
 * The same from a root that must not be changed, not even by a lease. Fails with NOT_FOUND where a dockerd that runs on
 * the root removes the image meanwhile.
 */
export async function unpackUnleased(
  stores: Stores,
  text: string,
  directory: string,
  pool: ApplyPool,
  options: CallOptions,
): Promise<Unpacked> {
  const image = openStoredImage(stores, text);
  try {
    return await unpackStored(stores, image, prepareTarget(directory), pool, options);
  } catch (error) {
    if (isThere(stores, image)) throw error;
    throw new LayerfsError("NOT_FOUND", `image ${image.id} was removed while it was read`, { cause: error });
  }
}

function unpackStored(
  stores: Stores,
  image: StoredImage,
  target: string,
  pool: ApplyPool,
  options: CallOptions,
): Promise<Unpacked> {
  const layers = image.layers.map((layer) => {
    const { diffID, tarSplit, size } = layer;
    const { directory } = placeOf(stores.layers, layer);
    return { diffID, open: async () => atHand({ kind: "stored", tarSplit, directory }), size };
  });
  return unpackLayers(layers, target, stores, pool, options);
}

/** The same for layers that lie anywhere, lowest first; `target` is as `prepareTarget` left it. */
export async function unpackLayers(
  layers: readonly LayerToUnpack[],
  target: string,
  { maxLayerSize, ignoreOwners }: UnpackSettings,
  pool: ApplyPool,
  { signal, onProgress }: CallOptions,
): Promise<Unpacked> {
  const warnings: Warning[] = [];
  for (const [index, { diffID, open, size }] of layers.entries()) {
    await using opened = await open();
    const job: ApplyJob = {
      bytes: opened.bytes,
      diffID,
      form: "full-tree",
      directory: target,
      isBase: index === 0,
      lowers: [],
      opaqueXattr: "",
      tarSplit: null,
      maxLayerSize,
      ignoreOwners,
    };
    onProgress?.({ type: "layer-start", layer: diffID, total: size });
    const outcome = await applyOpened(pool, job, opened, {
      signal,
      onProgress: (count) => onProgress?.({ type: "layer-progress", layer: diffID, bytes: count }),
    });
    if (outcome.kind !== "finished")
      throw new LayerfsError("SYSTEM", `layer ${diffID}: a full tree needs nothing below it`);
    onProgress?.({ type: "layer-done", layer: diffID, warnings: outcome.result.warnings });
    warnings.push(...outcome.result.warnings);
    if (opened.bytes.kind === "stored") warnings.push(...checkRecordedSize(diffID, size, outcome.result.size));
  }
  return { warnings };
}

/** dockerd counts more than the content of files, such as the targets of symlinks, but never less. */
function checkRecordedSize(diffID: Digest, recorded: number, found: number): Warning[] {
  if (recorded >= found) return [];
  const example = `layer ${diffID}: ${recorded} bytes, expected ${found} or more`;
  return [{ what: "the recorded size is wrong", example, count: 1 }];
}

/** A worker that waits in vain for bytes does not know why none came. */
async function applyOpened(
  pool: ApplyPool,
  job: ApplyJob,
  opened: WorkerBytes,
  callbacks: JobCallbacks,
): Promise<ApplyOutcome> {
  try {
    return await pool.apply(job, callbacks);
  } catch (error) {
    if (isLayerfsError(error, "CANCELLED")) await opened.arrived;
    throw error;
  }
}

/** Makes the directory if it is absent. Returns its absolute path; fails with CONFLICT where it is not empty. */
export function prepareTarget(directory: string): string {
  const target = resolve(directory);
  makeDirectories(target, 0o777);
  if (readdirSync(target).length === 0) return target;
  throw new LayerfsError("CONFLICT", `${target} is not empty`, { hint: "give a directory that is empty or absent" });
}

function leaseImage(stores: Stores, text: string): { image: StoredImage; lease: Disposable } {
  const image = openStoredImage(stores, text);
  const chain = image.layers.map(({ chainID }) => chainID);
  return {
    image,
    lease: createLease(stores.layers.layout, {
      reason: `unpack ${image.id}`,
      chainIDs: chain,
      making: [],
      cacheIDs: [],
    }),
  };
}
