import { tmpdir } from "node:os";
import { endArrival, failArrival, makeArrival, tellArrived } from "../../content/arrival.ts";
import { cancellable } from "../../core/cancellation.ts";
import { LayerfsError } from "../../core/errors.ts";
import type { Layer } from "../../core/image.ts";
import type { LayerBytes } from "../../layer/apply/job.ts";
import { openSpoolFile, type SpoolFile } from "../../source/spool-file.ts";

/** The bytes of a layer for a worker, as long as it is open. */
export interface WorkerBytes extends AsyncDisposable {
  readonly bytes: LayerBytes;
  /** Resolves once all bytes are there; fails with what reading them from the source failed with. */
  readonly arrived: Promise<void>;
}

/**
 * The bytes of a layer that lie in a file, or those of one that streams: they come into a file without a name in
 * $TMPDIR, from which the worker reads them while they come. Codes: UNSUPPORTED (a stream of unknown length), and of
 * `arrived` those of the source, NO_SPACE, PERMISSION, SYSTEM, CANCELLED.
 */
export async function workerBytes(layer: Layer, signal: AbortSignal | undefined): Promise<WorkerBytes> {
  const { extent, descriptor, blobDigest, diffID } = layer;
  const digest = blobDigest ?? null;
  if (extent !== undefined) {
    return atHand({ kind: "blob", extent, digest });
  }
  if (descriptor === undefined)
    throw new LayerfsError("UNSUPPORTED", `layer ${diffID}: its source does not tell its size`);
  const spool = await openSpoolFile(tmpdir());
  const stop = new AbortController();
  const arrival = makeArrival();
  const arrived = fetchInto(spool, layer, arrival, anyOf(stop.signal, signal));
  arrived.catch(() => {}); // told by whoever waits for it
  return {
    bytes: { kind: "blob", extent: { fd: spool.file.fd, offset: 0, length: descriptor.size }, digest, arrival },
    arrived,
    [Symbol.asyncDispose]: async () => {
      stop.abort();
      await Promise.allSettled([arrived]);
      await spool.file.close();
    },
  };
}

/** Bytes that are there, and stay for others. */
export function atHand(bytes: LayerBytes): WorkerBytes {
  return { bytes, arrived: Promise.resolve(), [Symbol.asyncDispose]: async () => {} };
}

async function fetchInto(
  spool: SpoolFile,
  layer: Layer,
  arrival: SharedArrayBuffer,
  signal: AbortSignal,
): Promise<void> {
  try {
    let total = 0;
    for await (const chunk of cancellable(layer.open(), signal)) {
      await spool.write(Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength));
      total += chunk.length;
      tellArrived(arrival, total);
    }
    endArrival(arrival);
  } catch (error) {
    failArrival(arrival);
    throw error;
  }
}

function anyOf(own: AbortSignal, given: AbortSignal | undefined): AbortSignal {
  return given === undefined ? own : AbortSignal.any([own, given]);
}
