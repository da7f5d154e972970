import type { Image, Layer } from "../../core/image.ts";
import { classifyEntry } from "../../union/entry-path.ts";
import type { ReadOptions } from "../engine.ts";
import { layerEntries } from "../tree/layer-stream.ts";
import { refuseUnsupported } from "./refuse-unsupported.ts";

/** Bytes of content of each layer, lowest first, as the store counts them. Reads and verifies all of the image. */
export async function layerSizes(image: Image, options: ReadOptions): Promise<number[]> {
  refuseUnsupported(image.config);
  const sizes: number[] = [];
  for (const layer of image.layers) sizes.push(await layerSize(layer, options));
  return sizes;
}

async function layerSize(layer: Layer, options: ReadOptions): Promise<number> {
  let size = 0;
  for await (const { entry } of layerEntries(layer, options)) {
    if (entry.kind === "file" && classifyEntry(entry.name).kind === "node") size += entry.size;
  }
  return size;
}
