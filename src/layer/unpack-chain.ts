import { join } from "node:path";
import type { Digest } from "../core/digest.ts";
import { LayerfsError, withObject } from "../core/errors.ts";
import { emptyDirectory } from "../sys/remove-tree.ts";
import type { JobResult, LayerBytes } from "./apply/job.ts";
import type { ApplyOutcome, ApplyPool } from "./apply/pool.ts";
import type { Warning } from "./apply/warnings.ts";
import { layerJob } from "./layer-job.ts";
import { RECORD_FILES } from "./records.ts";
import { makeWorkDirectory, registerLayer } from "./register.ts";
import { removeReplaced } from "./remove.ts";
import { exclusively, type LayerStore } from "./store.ts";

/** A layer that is to be made, with its bytes. */
export interface PlannedLayer {
  readonly chainID: Digest;
  readonly diffID: Digest;
  readonly parent: { readonly chainID: Digest; readonly cacheID: string } | null;
  readonly cacheID: string;
  readonly bytes: LayerBytes;
}

export interface UnpackChainOptions {
  readonly pool: ApplyPool;
  /** Directories of half-written records get names that begin with it. */
  readonly workName: string;
  readonly maxLayerSize: number | null;
  readonly ignoreOwners: boolean;
  readonly signal?: AbortSignal | undefined;
  readonly onLayer?: ((event: LayerEvent) => void) | undefined;
}

export type LayerEvent =
  | { readonly type: "progress"; readonly diffID: Digest; readonly bytes: number }
  | { readonly type: "done"; readonly diffID: Digest; readonly warnings: readonly Warning[] }
  /** Its bytes could not be unpacked. */
  | { readonly type: "failed"; readonly chainID: Digest; readonly error: unknown };

/**
 * Unpacks layers that stand on each other, lowest first, and registers each. Where the driver's layers need nothing of
 * their parents, all are written at the same time, and only their last steps wait for the layers below.
 *
 * The layers registered by the time of a failure are whole; the caller, who holds a lease on all, cleans up the rest.
 */
export async function unpackChain(
  store: LayerStore,
  layers: readonly PlannedLayer[],
  options: UnpackChainOptions,
): Promise<void> {
  const stop = new AbortController();
  const signal = options.signal === undefined ? stop.signal : AbortSignal.any([stop.signal, options.signal]);
  const bound = { ...options, signal };
  const started: Promise<ApplyOutcome>[] = [];
  try {
    if (store.driver.traits.layerForm === "overlay-dir") {
      for (const [index, layer] of layers.entries()) {
        await create(store, layer);
        started.push(write(store, layer, index, index === 0, bound));
        started.at(-1)?.catch(() => {});
      }
    }
    for (const [index, layer] of layers.entries()) await completeLayer(store, layer, index, started[index], bound);
  } catch (error) {
    stop.abort();
    for (const outcome of await Promise.allSettled(started)) {
      if (outcome.status === "fulfilled" && outcome.value.kind === "written") outcome.value.job.abandon();
    }
    throw error;
  }
}

/** For drivers that copy the layers below this can take most of the space. */
async function create({ driver }: LayerStore, { cacheID, parent, diffID }: PlannedLayer): Promise<void> {
  try {
    await driver.create(cacheID, parent?.cacheID ?? null);
  } catch (error) {
    throw withObject(error, `layer ${diffID}`);
  }
}

async function completeLayer(
  store: LayerStore,
  layer: PlannedLayer,
  index: number,
  started: Promise<ApplyOutcome> | undefined,
  options: UnpackChainOptions,
): Promise<void> {
  if (started === undefined) await create(store, layer);
  let outcome = await (started ?? write(store, layer, index, true, options));
  if (outcome.kind === "lowers-needed") {
    emptyDirectory(store.driver.place(layer.cacheID).directory);
    outcome = await write(store, layer, index, true, options);
  }
  const result = await finish(store, layer, outcome);
  await store.driver.seal(layer.cacheID, { cutsLowers: result.cutsLowers });
  const work = workDirectory(store, layer, index, options);
  const replaced = registerLayer(store, work, {
    chainID: layer.chainID,
    diffID: layer.diffID,
    parent: layer.parent?.chainID ?? null,
    cacheID: layer.cacheID,
    size: result.size,
  });
  if (replaced) await exclusively(store, () => removeReplaced(store, work));
  options.onLayer?.({ type: "done", diffID: layer.diffID, warnings: result.warnings });
}

function finish(store: LayerStore, layer: PlannedLayer, outcome: ApplyOutcome): JobResult | Promise<JobResult> {
  if (outcome.kind === "finished") return outcome.result;
  if (outcome.kind === "written") return outcome.job.finish(store.driver.place(layer.cacheID).lowers);
  throw new LayerfsError("SYSTEM", `layer ${layer.diffID}: the layers below were complete and yet not found`);
}

function workDirectory(store: LayerStore, layer: PlannedLayer, index: number, options: UnpackChainOptions): string {
  return join(store.layout.tmp, `${options.workName}-${index}-${layer.cacheID.slice(0, 8)}`);
}

async function write(
  store: LayerStore,
  layer: PlannedLayer,
  index: number,
  lowersComplete: boolean,
  options: UnpackChainOptions,
): Promise<ApplyOutcome> {
  const { directory, lowers } = store.driver.place(layer.cacheID);
  const work = workDirectory(store, layer, index, options);
  makeWorkDirectory(work);
  const job = layerJob(store, {
    bytes: layer.bytes,
    diffID: layer.diffID,
    directory,
    isBase: layer.parent === null,
    lowers: lowersComplete ? lowers : null,
    tarSplit: join(work, RECORD_FILES.tarSplit),
    maxLayerSize: options.maxLayerSize,
    ignoreOwners: options.ignoreOwners,
  });
  try {
    return await options.pool.apply(job, {
      signal: options.signal,
      onProgress: (bytes) => options.onLayer?.({ type: "progress", diffID: layer.diffID, bytes }),
    });
  } catch (error) {
    options.onLayer?.({ type: "failed", chainID: layer.chainID, error });
    throw error;
  }
}
