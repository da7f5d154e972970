import type { Descriptor } from "../../core/descriptor.ts";
import type { Digest } from "../../core/digest.ts";
import { type Manifest, parseManifest } from "../../core/manifest.ts";
import { isImageConfig, isIndex, isManifest } from "../../core/media-types.ts";
import type { Platform } from "../../core/platform.ts";
import { type Documents, readDocument } from "../documents.ts";
import { artifactInstead } from "../manifest-image.ts";
import { selectManifest } from "../select-manifest.ts";
import type { FetchedManifest, Repository, RequestOptions } from "./repository.ts";

export interface ChosenManifest {
  /** Of the manifest or index that was asked for, as Docker shows it for the image. */
  readonly digest: Digest;
  readonly manifest: Manifest;
}

/**
 * The manifest of an image for the platform, out of what a tag or digest names: a manifest, or an index with all indexes
 * in it. Where there is no choice it is taken for whatever platform it is.
 *
 * Codes: those of `fetchManifest` and of `selectManifest`; INVALID_MANIFEST; UNSUPPORTED for what is no image.
 */
export async function chooseManifest(
  repository: Repository,
  tagOrDigest: string,
  wanted: Platform,
  options: RequestOptions,
): Promise<ChosenManifest> {
  const named = await repository.fetchManifest(tagOrDigest, options);
  const descriptor = { mediaType: named.mediaType, digest: named.digest, size: named.bytes.length };
  const documents = repositoryDocuments(repository, named, options);
  const chosen = isIndex(named.mediaType) ? await selectManifest(documents, descriptor, wanted) : descriptor;
  const manifest = parseManifest(await documents.read(chosen), documents.title);
  if (!isImageConfig(manifest.config.mediaType)) throw artifactInstead(documents.title, manifest);
  return { digest: named.digest, manifest };
}

/** The documents of a repository; `known` is not fetched again. */
export function repositoryDocuments(
  repository: Repository,
  known: FetchedManifest | null,
  options: RequestOptions,
): Documents {
  const { domain, path } = repository.name;
  const documents: Documents = {
    title: `registry ${domain}: repository ${path}`,
    remedy: "the registry, or what stands between, gives other bytes than it promises; do not trust this image",
    read: (descriptor) =>
      readDocument(documents, descriptor, async () => {
        if (descriptor.digest === known?.digest) return known.bytes;
        return isManifest(descriptor.mediaType) || isIndex(descriptor.mediaType)
          ? (await repository.fetchManifest(descriptor.digest, options)).bytes
          : readBlob(repository, descriptor, options);
      }),
  };
  return documents;
}

async function readBlob(repository: Repository, descriptor: Descriptor, options: RequestOptions): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of repository.openBlob(descriptor, options)) chunks.push(chunk);
  return Buffer.concat(chunks);
}
