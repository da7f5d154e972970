import { throwIfCancelled } from "../../core/cancellation.ts";
import type { LayerEntries } from "../../view/merged-tree.ts";
import type { ImageLayer } from "./image-layer.ts";

/** Inflating and hashing, which the thread pool does, keep two processors busy; each layer has its buffers. */
const AT_ONCE = 2;
/** Layers whose entries may wait in memory for those of a layer below. */
const MAX_AHEAD = 8;

/**
 * The entries of each layer in turn, while layers above are being read already. What is wrong with a layer is thrown when
 * its turn has come. At the end, however that comes, no layer is read any more.
 */
export async function* readTogether(
  layers: readonly ImageLayer[],
  signal: AbortSignal | undefined,
): AsyncGenerator<LayerEntries> {
  const stop = new AbortController();
  const stopped = signal === undefined ? stop.signal : AbortSignal.any([signal, stop.signal]);
  const readings: Promise<LayerEntries>[] = [];
  let taken = 0;
  let running = 0;
  const start = async (layer: ImageLayer): Promise<LayerEntries> => {
    running++;
    try {
      return await layer.readEntries(stopped);
    } finally {
      running--;
      startMore();
    }
  };
  const startMore = (): void => {
    while (!stopped.aborted && running < AT_ONCE && readings.length < Math.min(layers.length, taken + MAX_AHEAD)) {
      const reading = start(layers[readings.length]!);
      reading.catch(() => {}); // told when its turn comes
      readings.push(reading);
    }
  };
  try {
    for (; taken < layers.length; taken++) {
      throwIfCancelled(signal);
      startMore();
      yield await readings[taken]!;
    }
  } finally {
    stop.abort();
    await Promise.allSettled(readings);
  }
}
