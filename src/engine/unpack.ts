import { readdirSync } from "node:fs";
import { resolve } from "node:path";
import { LayerfsError } from "../core/errors.ts";
import type { ApplyJob } from "../layer/apply/job.ts";
import type { ApplyPool } from "../layer/apply/pool.ts";
import type { Warning } from "../layer/apply/warnings.ts";
import { createLease } from "../layer/lease.ts";
import { exclusively } from "../layer/store.ts";
import { placeOf } from "../layer/whole.ts";
import { makeDirectories } from "../sys/make-directories.ts";
import type { CallOptions } from "./engine.ts";
import { openStoredImage, type StoredImage } from "./stored-image.ts";
import type { Stores } from "./stores.ts";

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
): Promise<{ readonly warnings: readonly Warning[] }> {
  const target = resolve(directory);
  prepareTarget(target);
  const { image, lease } = await exclusively(stores.layers, () => leaseImage(stores, text), options.signal);
  using _lease = lease;
  const warnings: Warning[] = [];
  for (const [index, layer] of image.layers.entries()) {
    const place = placeOf(stores.layers, layer);
    const bytes = { kind: "stored" as const, tarSplit: layer.tarSplit, directory: place.directory };
    const job: ApplyJob = {
      bytes,
      diffID: layer.diffID,
      form: "full-tree",
      directory: target,
      isBase: index === 0,
      lowers: [],
      opaqueXattr: "",
      tarSplit: null,
      maxLayerSize: stores.maxLayerSize,
      ignoreOwners: stores.ignoreOwners,
    };
    options.onProgress?.({ type: "layer-start", layer: layer.diffID, total: layer.size });
    const outcome = await pool.apply(job, { signal: options.signal });
    if (outcome.kind !== "finished")
      throw new LayerfsError("SYSTEM", `layer ${layer.diffID}: a full tree needs nothing below it`);
    options.onProgress?.({ type: "layer-done", layer: layer.diffID, warnings: outcome.result.warnings });
    warnings.push(...outcome.result.warnings);
  }
  return { warnings };
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

function prepareTarget(directory: string): void {
  makeDirectories(directory, 0o777);
  if (readdirSync(directory).length === 0) return;
  throw new LayerfsError("CONFLICT", `${directory} is not empty`, { hint: "give a directory that is empty or absent" });
}
