import { createHash } from "node:crypto";
import { join } from "node:path";
import { gzip } from "../compression/gzip.ts";
import { throwIfCancelled } from "../core/cancellation.ts";
import { type Digest, digestFromHex } from "../core/digest.ts";
import { LayerfsError } from "../core/errors.ts";
import { spaceGuard } from "../layer/apply/space-guard.ts";
import type { LayerRecord } from "../layer/records.ts";
import { openStoredTar } from "../layer/stored-tar.ts";
import { placeOf } from "../layer/whole.ts";
import { readExtent } from "../source/extent.ts";
import type { Reopenable } from "../source/registry/repository.ts";
import { openSpoolFile } from "../source/spool-file.ts";
import { makeDirectories } from "../sys/make-directories.ts";
import type { CallOptions } from "./engine.ts";
import type { Stores } from "./stores.ts";

/** A layer's gzipped tar, in a file without a name below the data root that vanishes when this is disposed of. */
export interface CompressedLayer extends AsyncDisposable {
  readonly digest: Digest;
  /** In bytes. */
  readonly size: number;
  readonly open: Reopenable;
}

const TELL_EVERY = 1 << 20;

/**
 * Puts a stored layer's tar together again and compresses it, the same bytes each time. Fails with DIGEST_MISMATCH, naming
 * the path if it can, where its files are not those that were stored; further CORRUPT_STORE, NO_SPACE, CANCELLED.
 */
export async function compressLayer(
  stores: Stores,
  layer: LayerRecord,
  { signal, onProgress }: CallOptions,
): Promise<CompressedLayer> {
  const { directory } = placeOf(stores.layers, layer);
  const spoolDirectory = join(stores.layers.layout.own, "tmp");
  makeDirectories(spoolDirectory, 0o700);
  onProgress?.({ type: "layer-start", layer: layer.diffID, total: layer.size, activity: "compressing" });
  const { file, write } = await openSpoolFile(spoolDirectory);
  try {
    const space = spaceGuard(file.fd, { maxLayerSize: null });
    const hash = createHash("sha256");
    let size = 0;
    for await (const chunk of gzip(
      verifiedTar({ tarSplit: layer.tarSplit, directory }, layer, { signal, onProgress }),
    )) {
      space.bytes(chunk.length);
      hash.update(chunk);
      size += chunk.length;
      await write(chunk);
    }
    const digest = digestFromHex(hash.digest("hex"));
    const extent = { fd: file.fd, offset: 0, length: size };
    return {
      digest,
      size,
      open: () => readExtent(extent, "temporary file"),
      [Symbol.asyncDispose]: () => file.close(),
    };
  } catch (error) {
    await file.close();
    throw error;
  }
}

async function* verifiedTar(
  stored: Parameters<typeof openStoredTar>[0],
  { diffID }: LayerRecord,
  { signal, onProgress }: CallOptions,
): AsyncGenerator<Buffer> {
  const hash = createHash("sha256");
  let untold = 0;
  for await (const chunk of openStoredTar(stored, { reuseBuffer: true })) {
    throwIfCancelled(signal);
    hash.update(chunk);
    untold += chunk.length;
    if (untold >= TELL_EVERY) {
      onProgress?.({ type: "layer-progress", layer: diffID, bytes: untold });
      untold = 0;
    }
    yield chunk;
  }
  const found = digestFromHex(hash.digest("hex"));
  if (found === diffID) return;
  throw new LayerfsError("DIGEST_MISMATCH", `the stored tar has the diffID ${found}, expected ${diffID}`, {
    hint: "the layer was changed after it was stored; remove the images that use it and pull or load them again",
  });
}
