import type { Descriptor } from "../../core/descriptor.ts";
import type { Digest } from "../../core/digest.ts";
import { LayerfsError } from "../../core/errors.ts";
import { parseIndex, selectManifest } from "../../core/image-index.ts";
import { type Manifest, parseManifest } from "../../core/manifest.ts";
import { isImageConfig, isIndex } from "../../core/media-types.ts";
import type { Platform } from "../../core/platform.ts";
import type { Repository, RequestOptions } from "./repository.ts";

export interface ChosenManifest {
  /** Of the manifest or index that the tag names, as Docker shows it for the image. */
  readonly digest: Digest;
  readonly manifest: Manifest;
}

/** TODO(merge): stands in for the one of the registry client. */
export async function chooseManifest(
  repository: Repository,
  tagOrDigest: string,
  wanted: Platform,
  options: RequestOptions,
): Promise<ChosenManifest> {
  const named = await repository.fetchManifest(tagOrDigest, options);
  let found = named;
  while (isIndex(found.mediaType)) {
    const entry: Descriptor = selectManifest(parseIndex(found.bytes), wanted);
    found = await repository.fetchManifest(entry.digest, options);
  }
  const manifest = parseManifest(found.bytes);
  if (!isImageConfig(manifest.config.mediaType)) {
    throw new LayerfsError("UNSUPPORTED", `${manifest.digest} is no image: ${manifest.config.mediaType}`);
  }
  return { digest: named.digest, manifest };
}
