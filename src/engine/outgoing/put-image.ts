import { compress } from "../../compression/compress.ts";
import type { ImageConfig } from "../../core/config.ts";
import type { ImageDestination, OutgoingBlob, OutgoingImage } from "../../core/destination.ts";
import type { Digest } from "../../core/digest.ts";
import { encodeOciManifest } from "../../core/encode-oci-manifest.ts";
import { withObject } from "../../core/errors.ts";
import type { Image, Layer } from "../../core/image.ts";
import { type LayerCompression, MEDIA_TYPE } from "../../core/media-types.ts";
import { parseRfc3339, type Timespec } from "../../core/timespec.ts";
import { verified } from "../../core/verified.ts";
import type { CallOptions } from "../engine.ts";
import { type SpoolOptions, spool } from "../spool.ts";
import { verifiedTar } from "../tree/layer-stream.ts";

/** One layer at a time is kept whose stored size is known only when all of it is made. */
export interface MakeOptions extends CallOptions, SpoolOptions {
  /** Default: as the destination has it. */
  readonly compression?: LayerCompression | undefined;
  readonly parent?: Digest | undefined;
}

type Described = { readonly mediaType: string; readonly digest: Digest; readonly size: number };

const LAYER_TYPE: Readonly<Record<LayerCompression, string>> = {
  none: MEDIA_TYPE.ociLayer,
  gzip: MEDIA_TYPE.ociLayerGzip,
  zstd: MEDIA_TYPE.ociLayerZstd,
};

/**
 * Puts an image with a manifest that is made for it: layers as they are packed here, the config byte for byte. Layers
 * are verified by their diffIDs. Codes beside the destination's: DIGEST_MISMATCH, CORRUPT_STORE, INVALID_COMPRESSION.
 */
export async function putMadeImage(
  destination: ImageDestination,
  image: Image,
  packed: Map<Digest, Described>,
  options: MakeOptions,
): Promise<OutgoingImage> {
  const time = timeOf(image.config.created);
  for (const layer of image.layers) {
    if (!packed.has(layer.diffID)) packed.set(layer.diffID, await putLayer(destination, layer, time, options));
  }
  await putConfig(destination, image.config, options);
  const config = { mediaType: MEDIA_TYPE.ociConfig, digest: image.id, size: image.config.bytes.length };
  const { diffIDs } = image.config.rootfs;
  const manifest = encodeOciManifest(
    config,
    diffIDs.map((diffID) => packed.get(diffID) as Described),
  );
  await destination.putManifest(manifest, options);
  const descriptor = { mediaType: manifest.mediaType, digest: manifest.digest, size: manifest.bytes.length };
  return { descriptor, names: image.names, diffIDs, parent: options.parent };
}

async function putLayer(
  destination: ImageDestination,
  layer: Layer,
  time: Timespec | undefined,
  options: MakeOptions,
): Promise<Described> {
  const { diffID, tarSize } = layer;
  const compression = options.compression ?? destination.compression;
  const mediaType = LAYER_TYPE[compression];
  if (compression === "none" && tarSize !== undefined) {
    const size = await tarSize();
    await putLayerBlob(destination, { digest: diffID, size, time, open: () => layer.openTar() }, options);
    return { mediaType, digest: diffID, size };
  }
  const tar = naming(`layer ${diffID}`, verifiedTar(layer, null, options));
  await using spooled = await spool(compression === "none" ? tar : compress(tar, compression), options);
  const { digest, size, open } = spooled;
  await putLayerBlob(destination, { digest, size, time, open }, options);
  return { mediaType, digest, size };
}

/** Puts a layer's stored bytes, verified, unless the destination has them already, and tells how it goes. */
export async function putLayerBlob(
  destination: ImageDestination,
  blob: OutgoingBlob,
  { signal, onProgress }: CallOptions,
): Promise<void> {
  const { digest, size } = blob;
  if (await destination.hasBlob(blob, { signal })) {
    onProgress?.({ type: "layer-exists", layer: digest });
    return;
  }
  onProgress?.({ type: "layer-start", layer: digest, total: size });
  const report = (bytes: number): void => onProgress?.({ type: "layer-progress", layer: digest, bytes });
  const open = (): AsyncIterable<Uint8Array> => counted(layerBytes(blob), report);
  await destination.putBlob({ ...blob, open }, { signal });
  onProgress?.({ type: "layer-done", layer: digest, warnings: [] });
}

/** Puts an image's config, as it is. */
export async function putConfig(
  destination: ImageDestination,
  { bytes, digest, created }: ImageConfig,
  { signal }: CallOptions,
): Promise<void> {
  const blob = { digest, size: bytes.length, time: timeOf(created), open: () => once(bytes) };
  if (!(await destination.hasBlob(blob, { signal }))) await destination.putBlob(blob, { signal });
}

/** The verified bytes of a layer; whatever is wrong with them is told with the layer's digest. */
function layerBytes(blob: OutgoingBlob): AsyncIterable<Uint8Array> {
  return naming(`layer ${blob.digest}`, verified(blob.open(), blob, "layer"));
}

async function* naming(object: string, bytes: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  try {
    yield* bytes;
  } catch (error) {
    throw withObject(error, object);
  }
}

async function* counted(
  source: AsyncIterable<Uint8Array>,
  report: (bytes: number) => void,
): AsyncGenerator<Uint8Array> {
  for await (const chunk of source) {
    report(chunk.length);
    yield chunk;
  }
}

function timeOf(created: string | undefined): Timespec | undefined {
  return created === undefined ? undefined : parseRfc3339(created);
}

async function* once(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes;
}
