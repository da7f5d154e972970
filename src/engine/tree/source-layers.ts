import type { Image } from "../../core/image.ts";
import { layerMakers } from "../explain/explain-history.ts";
import { refuseUnsupported } from "../images/refuse-unsupported.ts";
import type { ImageLayer } from "./image-layer.ts";
import { type LayerReadOptions, layerContent, layerEntries, layerPass, readEntries } from "./layer-stream.ts";

/** The layers of an image of a source, lowest first, each verified where it is read to its end. Fails with UNSUPPORTED. */
export function sourceLayers(image: Image, options: LayerReadOptions): ImageLayer[] {
  refuseUnsupported(image.config);
  const makers = layerMakers(image.config.history);
  return image.layers.map((layer, index) => ({
    diffID: layer.diffID,
    blobDigest: layer.blobDigest ?? null,
    storedSize: layer.extent?.length ?? layer.descriptor?.size ?? null,
    createdBy: makers[index]?.createdBy ?? null,
    identity: () => "",
    entries: () => layerEntries(layer, options),
    readEntries: (signal = options.signal) => readEntries(layer, { ...options, signal }),
    content: (name, range) => layerContent(layer, name, range, options),
    pass: (wants, signal = options.signal) => layerPass(layer, wants, { ...options, signal }),
  }));
}
