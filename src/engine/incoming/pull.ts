import type { Digest } from "../../core/digest.ts";
import { LayerfsError } from "../../core/errors.ts";
import { hostPlatform, type Platform, parsePlatform } from "../../core/platform.ts";
import {
  canonicalName,
  canonicalString,
  familiarString,
  type NamedReference,
  parseReference,
  withDefaultTag,
} from "../../core/reference.ts";
import { findName, type Repositories, withName } from "../../image/repositories.ts";
import type { ApplyPool } from "../../layer/apply/pool.ts";
import { chooseManifest } from "../../source/registry/choose-manifest.ts";
import type { RegistryClient } from "../../source/registry/registry-client.ts";
import type { Repository, RequestOptions } from "../../source/registry/repository.ts";
import type { CallOptions, EngineOptions } from "../engine.ts";
import type { Stores } from "../stores.ts";
import { type PullContext, pullManifest, withRepository } from "./pull-manifest.ts";

export interface PullOptions extends CallOptions {
  /** `os/architecture[/variant]`. Default: this machine's. */
  readonly platform?: string | undefined;
  /** Every tag of the repository; the reference then has none. */
  readonly allTags?: boolean | undefined;
}

export interface PullResult {
  /** What was asked for, as Docker shows it: `nginx:latest`, or `nginx` for all its tags. */
  readonly name: string;
  /** The same in full: `docker.io/library/nginx:latest`. */
  readonly reference: string;
  /** One a tag or digest, as the registry lists them. */
  readonly images: readonly PulledImage[];
}

export interface PulledImage {
  readonly id: Digest;
  /** Such as `nginx:latest` or `nginx@sha256:…`. */
  readonly name: string;
  /** Of the manifest or, where there are several platforms, the index that the name stands for. */
  readonly digest: Digest;
  /** The name is new here, or stood for another image before. */
  readonly isNew: boolean;
}

/** As many as dockerd. */
export const DOWNLOADS_AT_ONCE = 3;

/** Pulls a tag, a digest or all tags of a repository, one after the other. */
export async function pullImage(
  stores: Stores,
  registries: Pick<RegistryClient, "repository">,
  text: string,
  pool: ApplyPool,
  options: PullOptions & Pick<EngineOptions, "maxConcurrentDownloads">,
): Promise<PullResult> {
  const given = parseReference(text);
  const isWhole = options.allTags === true;
  if (isWhole && (given.tag !== undefined || given.digest !== undefined)) {
    throw new LayerfsError("USAGE", "tag can't be used with --all-tags/-a", {
      hint: `name the repository alone: ${canonicalName(given)}`,
    });
  }
  const reference = isWhole ? given : withDefaultTag(given);
  const repository = registries.repository(reference);
  const wanted = options.platform === undefined ? hostPlatform() : parsePlatform(options.platform);
  const { signal, onProgress } = options;
  const request: RequestOptions = { signal, onRetry: (event) => onProgress?.({ type: "retry", ...event }) };
  const context: PullContext = {
    stores,
    repository,
    pool,
    request,
    options,
    atOnce: options.maxConcurrentDownloads ?? DOWNLOADS_AT_ONCE,
  };
  const references = isWhole ? await allTags(repository, reference, request) : [reference];
  const images: PulledImage[] = [];
  for (const each of references) images.push(await pullReference(context, each, wanted));
  return { name: familiarString(reference), reference: canonicalString(reference), images };
}

async function allTags(
  repository: Repository,
  reference: NamedReference,
  request: RequestOptions,
): Promise<NamedReference[]> {
  const tags = await repository.listTags(request);
  return tags.map((tag) => parseReference(`${canonicalName(reference)}:${tag}`));
}

/** A digest wins over a tag that stands beside it, as it does for Docker. */
async function pullReference(context: PullContext, reference: NamedReference, wanted: Platform): Promise<PulledImage> {
  const { repository, request, options } = context;
  const { domain, path, tag, digest } = reference;
  const tagOrDigest = digest ?? tag ?? "";
  const chosen = await chooseManifest(repository, tagOrDigest, wanted, request).catch((error: unknown) => {
    throw withRepository(error, repository);
  });
  options.onProgress?.({ type: "pull-start", tagOrDigest, repository: path });
  const byDigest = { domain, path, digest: chosen.digest };
  const named = digest === undefined ? reference : byDigest;
  const image = await pullManifest(context, chosen.manifest, (before, id) => {
    const isNew = findName(before, named) !== id;
    const repositories = withTag(withDigest(before, byDigest, id), digest === undefined ? reference : null, id);
    return { repositories, answer: { id, name: familiarString(named), digest: chosen.digest, isNew } };
  });
  options.onProgress?.({ type: "pull-done", tagOrDigest, digest: chosen.digest });
  return image;
}

/** The digest of an index stays with the image that it was first pulled as, whatever platform is pulled later. */
function withDigest(repositories: Repositories, reference: NamedReference, id: Digest): Repositories {
  return findName(repositories, reference) === null ? withName(repositories, reference, id) : repositories;
}

function withTag(repositories: Repositories, reference: NamedReference | null, id: Digest): Repositories {
  return reference === null || findName(repositories, reference) === id
    ? repositories
    : withName(repositories, reference, id);
}
