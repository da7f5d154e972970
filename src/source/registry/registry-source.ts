import { decompress } from "../../compression/decompress.ts";
import { DETECTION_BYTES, detectCompression } from "../../compression/detect.ts";
import type { Descriptor } from "../../core/descriptor.ts";
import type { Digest } from "../../core/digest.ts";
import type { ImageSource, Layer } from "../../core/image.ts";
import { isIndex } from "../../core/media-types.ts";
import { hostPlatform, type Platform } from "../../core/platform.ts";
import { type NamedReference, withDefaultTag } from "../../core/reference.ts";
import { checkCompression, readManifestImage } from "../manifest-image.ts";
import type { ManifestSource } from "../manifest-source.ts";
import { selectManifest } from "../select-manifest.ts";
import { chooseManifest, repositoryDocuments } from "./choose-manifest.ts";
import { registryClient } from "./registry-client.ts";
import type { Repository, RequestOptions } from "./repository.ts";
import type { RegistrySettings } from "./settings.ts";

export interface RegistrySourceOptions extends RequestOptions {
  readonly registries?: RegistrySettings | undefined;
  /** Default: this machine's. */
  readonly platform?: Platform | undefined;
}

/**
 * The image that a registry has under a reference, `latest` without tag and digest. A layer's bytes come from the
 * registry each time that it is read; whoever reads them verifies them by its `blobDigest`.
 *
 * Codes: those of `chooseManifest` and of `readManifestImage`.
 */
export async function openRegistrySource(
  reference: NamedReference,
  { signal, onRetry, registries, platform = hostPlatform() }: RegistrySourceOptions,
): Promise<ImageSource> {
  const options = { signal, onRetry };
  const client = registryClient(registries);
  const close = async (): Promise<void> => client[Symbol.asyncDispose]();
  try {
    const { domain, path, tag, digest } = withDefaultTag(reference);
    const repository = client.repository(reference);
    const { manifest } = await chooseManifest(repository, digest ?? tag!, platform, options);
    const documents = repositoryDocuments(repository, null, options);
    const names = tag === undefined ? [] : [{ domain, path, tag }];
    const image = await readManifestImage(documents, manifest, names, (descriptor, diffID) =>
      makeLayer(repository, documents.title, descriptor, diffID, options),
    );
    return { images: [image], [Symbol.asyncDispose]: close };
  } catch (error) {
    await close();
    throw error;
  }
}

/** The manifest or index that a registry has under a reference, as it is. Codes: those of `fetchManifest`, `selectManifest`. */
export async function openRegistryManifests(
  reference: NamedReference,
  options: RegistrySourceOptions & { readonly all: boolean },
): Promise<ManifestSource> {
  const { signal, onRetry } = options;
  const { tag, digest, domain, path } = withDefaultTag(reference);
  const client = registryClient(options.registries);
  try {
    const repository = client.repository(reference);
    const named = await repository.fetchManifest(digest ?? tag!, { signal, onRetry });
    const documents = repositoryDocuments(repository, named, { signal, onRetry });
    const root = { mediaType: named.mediaType, digest: named.digest, size: named.bytes.length };
    const isChoice = !options.all && isIndex(named.mediaType);
    const descriptor = isChoice ? await selectManifest(documents, root, options.platform ?? hostPlatform()) : root;
    return {
      documents,
      roots: [{ descriptor, names: tag === undefined ? [] : [{ domain, path, tag }] }],
      openBlob: (blob) => repository.openBlob(blob, { signal, onRetry }),
      [Symbol.asyncDispose]: () => client[Symbol.asyncDispose](),
    };
  } catch (error) {
    await client[Symbol.asyncDispose]();
    throw error;
  }
}

function makeLayer(
  repository: Repository,
  title: string,
  descriptor: Descriptor,
  diffID: Digest,
  options: RequestOptions,
): Layer {
  const open = (): AsyncIterable<Uint8Array> =>
    compressedAsTold(repository.openBlob(descriptor, options), title, descriptor);
  const openAt = (offset: number): AsyncIterable<Uint8Array> => repository.openBlob(descriptor, { ...options, offset });
  return { diffID, blobDigest: descriptor.digest, descriptor, open, openAt, openTar: () => decompress(open()) };
}

/** The same bytes; fails with INVALID_COMPRESSION before the first of them where the media type does not agree with them. */
async function* compressedAsTold(
  bytes: AsyncIterable<Uint8Array>,
  title: string,
  descriptor: Descriptor,
): AsyncGenerator<Uint8Array> {
  let first: Buffer | null = Buffer.alloc(0);
  for await (const chunk of bytes) {
    if (first === null) {
      yield chunk;
      continue;
    }
    first = Buffer.concat([first, chunk]);
    if (first.length < Math.min(DETECTION_BYTES, descriptor.size)) continue;
    checkCompression(title, descriptor, detectCompression(first));
    yield first;
    first = null;
  }
}
