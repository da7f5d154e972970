import type { Compression } from "../compression/detect.ts";
import { configPlatform, type ImageConfig, parseConfig } from "../core/config.ts";
import type { Descriptor } from "../core/descriptor.ts";
import type { Digest } from "../core/digest.ts";
import { LayerfsError, printable } from "../core/errors.ts";
import type { Image, Layer } from "../core/image.ts";
import type { Manifest } from "../core/manifest.ts";
import { isForeignLayer, layerCompression } from "../core/media-types.ts";
import type { NamedReference } from "../core/reference.ts";
import type { Documents } from "./documents.ts";

/**
 * The image of a manifest, wherever that lies. The config is verified by size and digest; `layerOf` makes a layer of
 * its descriptor.
 *
 * Codes: those of `documents.read` and of `checkLayers`; INVALID_CONFIG.
 */
export async function readManifestImage(
  documents: Documents,
  manifest: Manifest,
  names: readonly NamedReference[],
  layerOf: (descriptor: Descriptor, diffID: Digest) => Layer,
): Promise<Image> {
  const config = parseConfig(await documents.read(manifest.config));
  checkLayers(documents.title, manifest, config);
  return {
    id: config.digest,
    config,
    manifest,
    platform: configPlatform(config),
    names,
    layers: manifest.layers.map((layer, index) => layerOf(layer, config.rootfs.diffIDs[index]!)),
  };
}

/**
 * Fails with INVALID_MANIFEST unless there is a layer for each of the config's diffIDs, with UNSUPPORTED for a foreign
 * layer and for one of an unknown media type, naming it. `title` is where the manifest lies.
 */
export function checkLayers(title: string, manifest: Manifest, { rootfs }: ImageConfig): void {
  if (manifest.layers.length !== rootfs.diffIDs.length) {
    throw new LayerfsError(
      "INVALID_MANIFEST",
      `${title}: image manifest ${manifest.digest}: expected a layer for each of its config's ${rootfs.diffIDs.length} diff_ids, found ${manifest.layers.length}`,
    );
  }
  for (const layer of manifest.layers) {
    if (isForeignLayer(layer.mediaType)) throw foreign(title, layer);
    if (layerCompression(layer.mediaType) === undefined) throw unknownType(title, layer);
  }
}

/**
 * The bytes of a layer decide how it is read, so that its media type must agree with what they are, `found`. Fails with
 * INVALID_COMPRESSION.
 */
export function checkCompression(title: string, { digest, mediaType }: Descriptor, found: Compression): void {
  const expected = layerCompression(mediaType);
  if (found === expected) return;
  throw new LayerfsError(
    "INVALID_COMPRESSION",
    `${title}: layer ${digest}: by its media type ${mediaType} its compression is ${expected}, by its bytes ${found}`,
    { hint: "whoever made the image named the wrong media type; copy the image with skopeo to correct it" },
  );
}

/** The refusal of a manifest whose config is none of an image. */
export function artifactInstead(title: string, { digest, artifactType, config }: Manifest): LayerfsError {
  const type = artifactType ?? config.mediaType;
  return new LayerfsError("UNSUPPORTED", `${title}: ${digest} is no image but an artifact of type ${type}`);
}

function unknownType(title: string, { digest, mediaType }: Descriptor): LayerfsError {
  return new LayerfsError(
    "UNSUPPORTED",
    `${title}: layer ${digest} has the media type ${mediaType}, which is not supported`,
  );
}

function foreign(title: string, { digest, urls }: Descriptor): LayerfsError {
  const place = urls?.[0] === undefined ? "" : `; it lies at ${printable(urls[0])}`;
  return new LayerfsError(
    "UNSUPPORTED",
    `${title}: layer ${digest} is a foreign one, which may not be passed on with the image${place}`,
    { hint: "layers of this kind belong to images for Windows, which cannot be unpacked here" },
  );
}
