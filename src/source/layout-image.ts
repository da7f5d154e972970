import { decompress } from "../compression/decompress.ts";
import type { Descriptor } from "../core/descriptor.ts";
import type { Digest } from "../core/digest.ts";
import type { Image, Layer } from "../core/image.ts";
import type { Manifest } from "../core/manifest.ts";
import type { NamedReference } from "../core/reference.ts";
import { readCompression, readExtent } from "./extent.ts";
import { blobExtent, layoutDocuments } from "./layout-blobs.ts";
import type { LayoutFiles } from "./layout-files.ts";
import { checkCompression, readManifestImage } from "./manifest-image.ts";

/**
 * The image of a manifest in a layout. Layers are verified by size; whoever reads a layer's bytes verifies them by its
 * `blobDigest`.
 *
 * Codes: those of `readManifestImage`; INVALID_COMPRESSION where a layer is packed in another way than its media type
 * says.
 */
export function readLayoutImage(
  files: LayoutFiles,
  manifest: Manifest,
  names: readonly NamedReference[],
): Promise<Image> {
  return readManifestImage(layoutDocuments(files), manifest, names, (layer, diffID) => readLayer(files, layer, diffID));
}

function readLayer(files: LayoutFiles, descriptor: Descriptor, diffID: Digest): Layer {
  const extent = blobExtent(files, descriptor);
  const compression = readCompression(extent);
  checkCompression(files.title, descriptor, compression);
  const tarSize = compression === "none" ? async (): Promise<number> => extent.length : undefined;
  const open = (): AsyncIterable<Uint8Array> => readExtent(extent, files.title);
  return {
    diffID,
    extent,
    blobDigest: descriptor.digest,
    descriptor,
    open,
    openTar: () => decompress(open()),
    tarSize,
  };
}
