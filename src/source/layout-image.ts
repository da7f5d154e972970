import { decompress } from "../compression/decompress.ts";
import { DETECTION_BYTES, detectCompression } from "../compression/detect.ts";
import { configPlatform, type ImageConfig, parseConfig } from "../core/config.ts";
import type { Descriptor } from "../core/descriptor.ts";
import type { Digest } from "../core/digest.ts";
import { LayerfsError, printable } from "../core/errors.ts";
import type { Extent, Image, Layer } from "../core/image.ts";
import type { Manifest } from "../core/manifest.ts";
import { isForeignLayer, type LayerCompression, layerCompression } from "../core/media-types.ts";
import type { NamedReference } from "../core/reference.ts";
import { pread } from "../sys/file.ts";
import { readExtent } from "./extent.ts";
import { blobExtent, readDocument } from "./layout-blobs.ts";
import type { LayoutFiles } from "./layout-files.ts";

/**
 * The image of a manifest in a layout. The config is verified by size and digest, layers by size; whoever reads a
 * layer's bytes verifies them by its `blobDigest`.
 *
 * Codes: those of `readDocument`; INVALID_MANIFEST, INVALID_CONFIG; UNSUPPORTED for a foreign layer and for a layer of
 * an unknown media type, naming it; INVALID_COMPRESSION where a layer is packed in another way than its media type says.
 */
export async function readLayoutImage(
  files: LayoutFiles,
  manifest: Manifest,
  names: readonly NamedReference[],
): Promise<Image> {
  const config = parseConfig(await readDocument(files, manifest.config));
  return {
    id: config.digest,
    config,
    manifest,
    platform: configPlatform(config),
    names,
    layers: readLayers(files, manifest, config),
  };
}

function readLayers(files: LayoutFiles, manifest: Manifest, { rootfs }: ImageConfig): Layer[] {
  if (manifest.layers.length !== rootfs.diffIDs.length) {
    throw new LayerfsError(
      "INVALID_MANIFEST",
      `${files.title}: image manifest ${manifest.digest}: expected a layer for each of its config's ${rootfs.diffIDs.length} diff_ids, found ${manifest.layers.length}`,
    );
  }
  return manifest.layers.map((layer, index) => readLayer(files, layer, rootfs.diffIDs[index]!));
}

function readLayer(files: LayoutFiles, descriptor: Descriptor, diffID: Digest): Layer {
  const compression = layerCompression(descriptor.mediaType);
  if (isForeignLayer(descriptor.mediaType)) throw foreign(files, descriptor);
  if (compression === undefined) {
    throw new LayerfsError(
      "UNSUPPORTED",
      `${files.title}: layer ${descriptor.digest} has the media type ${descriptor.mediaType}, which is not supported`,
    );
  }
  const extent = blobExtent(files, descriptor);
  checkCompression(files, descriptor, extent, compression);
  const open = (): AsyncIterable<Uint8Array> => readExtent(extent, files.title);
  return { diffID, extent, blobDigest: descriptor.digest, descriptor, open, openTar: () => decompress(open()) };
}

/** The bytes decide how a layer is read, so that the media type must agree with them. */
function checkCompression(
  files: LayoutFiles,
  { digest, mediaType }: Descriptor,
  { fd, offset, length }: Extent,
  expected: LayerCompression,
): void {
  const first = Buffer.alloc(Math.min(length, DETECTION_BYTES));
  const found = detectCompression(first.subarray(0, pread(fd, first, offset)));
  if (found === expected) return;
  throw new LayerfsError(
    "INVALID_COMPRESSION",
    `${files.title}: layer ${digest}: by its media type ${mediaType} its compression is ${expected}, by its bytes ${found}`,
    { hint: "whoever made the layout named the wrong media type; copy the image with skopeo to correct it" },
  );
}

function foreign(files: LayoutFiles, { digest, urls }: Descriptor): LayerfsError {
  const place = urls?.[0] === undefined ? "" : `; it lies at ${printable(urls[0])}`;
  return new LayerfsError(
    "UNSUPPORTED",
    `${files.title}: layer ${digest} is a foreign one, which may not be passed on with the image${place}`,
    { hint: "layers of this kind belong to images for Windows, which cannot be unpacked here" },
  );
}
