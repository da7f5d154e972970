import { join } from "node:path";
import { gzip } from "../../compression/gzip.ts";
import { throwIfCancelled } from "../../core/cancellation.ts";
import type { OutgoingBlob } from "../../core/destination.ts";
import { verified } from "../../core/verified.ts";
import { spaceGuard } from "../../layer/apply/space-guard.ts";
import type { LayerRecord } from "../../layer/records.ts";
import { openStoredTar } from "../../layer/stored-tar.ts";
import { placeOf } from "../../layer/whole.ts";
import { openDirectory } from "../../sys/at.ts";
import { close } from "../../sys/file.ts";
import { makeDirectories } from "../../sys/make-directories.ts";
import type { CallOptions } from "../engine.ts";
import { spool } from "../spool.ts";
import type { Stores } from "../stores.ts";

const TELL_EVERY = 1 << 20;

/**
 * Puts a stored layer's tar together again and compresses it, the same bytes each time; they are kept below the data root
 * until this is disposed of. Fails with DIGEST_MISMATCH, naming the path if it can, where the layer's files are not those
 * that were stored; further CORRUPT_STORE, NO_SPACE, CANCELLED.
 */
export async function compressLayer(
  stores: Stores,
  layer: LayerRecord,
  { signal, onProgress }: CallOptions,
): Promise<OutgoingBlob & AsyncDisposable> {
  const { diffID, tarSplit } = layer;
  const { directory } = placeOf(stores.layers, layer);
  const spoolDirectory = join(stores.layers.layout.own, "tmp");
  makeDirectories(spoolDirectory, 0o700);
  onProgress?.({ type: "layer-start", layer: diffID, total: layer.size, activity: "compressing" });
  const tell = (bytes: number): void => onProgress?.({ type: "layer-progress", layer: diffID, bytes });
  const tar = watched(openStoredTar({ tarSplit, directory }, { reuseBuffer: true }), tell, signal);
  const fd = openDirectory(spoolDirectory);
  try {
    const { bytes: beforeSpooling } = spaceGuard(fd, { maxLayerSize: null });
    return await spool(gzip(verified(tar, { digest: diffID }, "layer")), { spoolDirectory, beforeSpooling, signal });
  } finally {
    close(fd);
  }
}

async function* watched(
  source: AsyncIterable<Buffer>,
  tell: (bytes: number) => void,
  signal: AbortSignal | undefined,
): AsyncGenerator<Buffer> {
  let untold = 0;
  for await (const chunk of source) {
    throwIfCancelled(signal);
    untold += chunk.length;
    if (untold >= TELL_EVERY) {
      tell(untold);
      untold = 0;
    }
    yield chunk;
  }
}
