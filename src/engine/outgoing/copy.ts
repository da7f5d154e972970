import { tmpdir } from "node:os";
import type { Descriptor } from "../../core/descriptor.ts";
import type { ImageDestination, OutgoingImage } from "../../core/destination.ts";
import type { Digest } from "../../core/digest.ts";
import { LayerfsError, printable } from "../../core/errors.ts";
import { parseIndex } from "../../core/image-index.ts";
import { parseManifest } from "../../core/manifest.ts";
import { isForeignLayer, isIndex, isManifest, type LayerCompression } from "../../core/media-types.ts";
import { familiarString, type NamedReference } from "../../core/reference.ts";
import type { ManifestSource } from "../../source/manifest-source.ts";
import { openDestination } from "../../source/open-destination.ts";
import { openManifests } from "../../source/open-manifests.ts";
import { openSource } from "../../source/open-source.ts";
import type { EngineOptions, SourceCallOptions } from "../engine.ts";
import { sourceOptions } from "../source.ts";
import { putLayerBlob, putMadeImage } from "./put-image.ts";

export interface ImageCopyOptions extends SourceCallOptions {
  /** The whole index, with all its platforms, in place of one image. */
  readonly all?: boolean | undefined;
  /** Packs the layers anew, under a manifest that is made for them. Default: blobs and manifests stay as they are. */
  readonly compression?: LayerCompression | undefined;
}

export interface CopiedImage {
  /** Digest of the manifest or index where it went; in the store, which has none, the image's id. */
  readonly digest: Digest;
  /** Familiar names that it was given, if any. */
  readonly names: readonly string[];
}

/** As many as an index may have that a platform is chosen from. */
const MAX_DEPTH = 8;
const MAX_DOCUMENTS = 1000;

/** What the engine adds. */
export type CopyingOptions = ImageCopyOptions & Pick<EngineOptions, "registries">;

/** Copies between two places, none of which is the store. */
export async function copyImages(from: string, to: string, options: CopyingOptions): Promise<CopiedImage[]> {
  const { all = false, compression, registries } = options;
  if (all && options.platform !== undefined) {
    throw new LayerfsError("USAGE", "all platforms and one of them cannot be wanted at once");
  }
  const opened = { ...sourceOptions(options, { spoolDirectory: tmpdir() }), registries, all };
  const opening = openDestination(to, { registries });
  if (opening === null) throw new LayerfsError("USAGE", `destination ${printable(to)}: expected oci:DIR or the like`);
  await using destination = await opening;
  const asItIs = destination.form === "oci" && compression === undefined;
  if (all && !asItIs) throw noPlaceForAll(to);
  const manifests = asItIs ? openManifests(from, opened) : null;
  if (manifests !== null) {
    await using source = await manifests;
    return await copyManifests(source, destination, options);
  }
  if (all) throw new LayerfsError("UNSUPPORTED", `${printable(from)}: it has no index, from which all could be taken`);
  await using source = await openImages(from, opened);
  return await copyMade(source, destination, options);
}

async function copyManifests(
  source: ManifestSource,
  destination: ImageDestination,
  options: ImageCopyOptions,
): Promise<CopiedImage[]> {
  refuseOneName(destination, source.roots.length);
  const tree = manifestTree(source, destination, options);
  for (const { descriptor } of source.roots) await tree.put(descriptor, 0);
  return finish(destination, source.roots, options);
}

async function copyMade(
  source: Awaited<ReturnType<typeof openImages>>,
  destination: ImageDestination,
  options: ImageCopyOptions,
): Promise<CopiedImage[]> {
  refuseOneName(destination, source.images.length);
  const packed: Parameters<typeof putMadeImage>[2] = new Map();
  const put: OutgoingImage[] = [];
  for (const image of source.images) {
    const { compression, signal, onProgress } = options;
    put.push(
      await putMadeImage(destination, image, packed, { compression, spoolDirectory: tmpdir(), signal, onProgress }),
    );
  }
  return finish(destination, put, options);
}

async function finish(
  destination: ImageDestination,
  images: readonly OutgoingImage[],
  { signal }: ImageCopyOptions,
): Promise<CopiedImage[]> {
  await destination.commit(images, { signal });
  return images.map(({ descriptor, names }) => ({
    digest: descriptor.digest,
    names: names.map((name: NamedReference) => familiarString(name)),
  }));
}

function openImages(
  from: string,
  options: Parameters<typeof openSource>[1],
): NonNullable<ReturnType<typeof openSource>> {
  const opening = openSource(from, options);
  if (opening !== null) return opening;
  throw new LayerfsError("USAGE", `source ${printable(from)}: expected oci:DIR, docker://NAME or the like`);
}

/** Puts manifests with all that they refer to, each thing once. */
function manifestTree(
  source: ManifestSource,
  destination: ImageDestination,
  options: ImageCopyOptions,
): { put(descriptor: Descriptor, depth: number): Promise<void> } {
  const done = new Set<Digest>();
  let documents = 0;
  const blob = async (descriptor: Descriptor): Promise<void> => {
    if (done.has(descriptor.digest)) return;
    const { digest, size, data } = descriptor;
    const open = (): AsyncIterable<Uint8Array> => (data === undefined ? source.openBlob(descriptor) : once(data));
    await putLayerBlob(destination, { digest, size, open }, options);
    done.add(digest);
  };
  const put = async (descriptor: Descriptor, depth: number): Promise<void> => {
    const { digest, mediaType } = descriptor;
    if (done.has(digest)) return;
    if (!isIndex(mediaType) && !isManifest(mediaType)) return await blob(descriptor);
    documents += 1;
    if (depth === MAX_DEPTH || documents > MAX_DOCUMENTS) throw tooMuch(source, digest);
    const bytes = await source.documents.read(descriptor);
    if (isIndex(mediaType)) {
      for (const entry of parseIndex(bytes).manifests) await put(entry, depth + 1);
    } else {
      const { config, layers } = parseManifest(bytes);
      // A foreign layer may not be passed on; the manifest says where it lies.
      for (const part of [...layers, config]) if (!isForeignLayer(part.mediaType)) await blob(part);
    }
    await destination.putManifest({ bytes, digest, mediaType }, options);
    done.add(digest);
  };
  return { put };
}

async function* once(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes;
}

/** Fails with USAGE where several images would get the one name of the destination. */
export function refuseOneName({ takesOne }: Pick<ImageDestination, "takesOne">, count: number): void {
  if (!takesOne || count === 1) return;
  throw new LayerfsError("USAGE", `${count} images cannot have one name`, {
    hint: "leave the name out of the destination, so that each keeps its own, or choose one of them",
  });
}

function noPlaceForAll(to: string): LayerfsError {
  return new LayerfsError("USAGE", `${printable(to)}: there is no place for all platforms of an image as they are`, {
    hint: "copy them to an OCI layout or a registry, without packing them anew",
  });
}

function tooMuch({ documents }: ManifestSource, digest: Digest): LayerfsError {
  return new LayerfsError(
    "LIMIT_EXCEEDED",
    `${documents.title}: ${digest}: expected at most ${MAX_DEPTH} levels of indexes with ${MAX_DOCUMENTS} manifests`,
  );
}
