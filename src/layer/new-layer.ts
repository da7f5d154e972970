import { rmSync } from "node:fs";
import { join } from "node:path";
import { chainIDOn } from "../core/chain-id.ts";
import { type Digest, digestOf } from "../core/digest.ts";
import { LayerfsError } from "../core/errors.ts";
import { END_OF_ARCHIVE } from "../tar/writer.ts";
import type { ApplyPool } from "./apply/pool.ts";
import type { ChangedLayer } from "./layer-changes.ts";
import { layerJob } from "./layer-job.ts";
import { RECORD_FILES } from "./records.ts";
import { makeWorkDirectory, registerLayer } from "./register.ts";
import { removeReplaced } from "./remove.ts";
import type { LayerStore } from "./store.ts";
import { notWhole } from "./whole.ts";

/** A layer whose files are complete and durable, and which no record makes visible yet. */
export interface NewLayer {
  readonly chainID: Digest;
  readonly diffID: Digest;
  readonly parent: Digest | null;
  readonly cacheID: string;
  /** Bytes of file content. */
  readonly size: number;
  /** What will be its record. */
  readonly workDirectory: string;
}

export interface NewLayerOptions {
  readonly pool: ApplyPool;
  readonly parent: { readonly chainID: Digest; readonly cacheID: string } | null;
  /** The caller's lease names it, so that what a failure leaves is removed. */
  readonly cacheID: string;
  /** `workName` of that lease. */
  readonly workName: string;
  readonly maxLayerSize: number | null;
  readonly ignoreOwners: boolean;
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: ((bytes: number) => void) | undefined;
}

/** Digest of a tar without entries. */
const EMPTY = digestOf(END_OF_ARCHIVE);

/**
 * Makes a layer of what was changed in a layer that is written to. The bytes are read once: hashed, recorded, and written
 * as files of their own, so that what is changed later changes nothing here. null: nothing was changed, and nothing is made.
 */
export async function makeLayer(
  store: LayerStore,
  changes: ChangedLayer,
  options: NewLayerOptions,
): Promise<NewLayer | null> {
  const { pool, parent, cacheID, maxLayerSize, ignoreOwners, signal, onProgress } = options;
  const workDirectory = join(store.layout.tmp, `${options.workName}-${cacheID.slice(0, 8)}`);
  await store.driver.create(cacheID, parent?.cacheID ?? null);
  makeWorkDirectory(workDirectory);
  const { directory, lowers } = store.driver.place(cacheID);
  const job = layerJob(store, {
    bytes: { kind: "changes", layer: changes },
    diffID: null,
    directory,
    isBase: parent === null,
    lowers,
    tarSplit: join(workDirectory, RECORD_FILES.tarSplit),
    maxLayerSize,
    ignoreOwners,
  });
  const outcome = await pool.apply(job, { signal, onProgress });
  if (outcome.kind !== "finished") throw new LayerfsError("SYSTEM", "the layers below were complete and yet not found");
  const { diffID, size, cutsLowers } = outcome.result;
  if (diffID === EMPTY) {
    await store.driver.remove(cacheID);
    rmSync(workDirectory, { recursive: true });
    return null;
  }
  await store.driver.seal(cacheID, { cutsLowers });
  const parentChain = parent?.chainID ?? null;
  return { chainID: chainIDOn(parentChain, diffID), diffID, parent: parentChain, cacheID, size, workDirectory };
}

/**
 * Makes the layer visible, or throws it away where the same is there already. The caller holds the exclusive lock and a
 * lease that names its chainID.
 */
export async function recordLayer(store: LayerStore, { workDirectory, ...layer }: NewLayer): Promise<void> {
  if (notWhole(store, [layer.chainID]).length === 0) {
    await store.driver.remove(layer.cacheID);
    rmSync(workDirectory, { recursive: true });
    return;
  }
  if (registerLayer(store, workDirectory, layer)) await removeReplaced(store, workDirectory);
}
