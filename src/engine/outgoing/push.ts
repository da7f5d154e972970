import type { Digest } from "../../core/digest.ts";
import { encodeDockerManifest } from "../../core/encode-docker-manifest.ts";
import { LayerfsError, printable } from "../../core/errors.ts";
import { MEDIA_TYPE } from "../../core/media-types.ts";
import {
  canonicalName,
  familiarName,
  familiarString,
  type NamedReference,
  parseReference,
  withDefaultTag,
} from "../../core/reference.ts";
import { findName, readRepositories, withName, writeRepositories } from "../../image/repositories.ts";
import { createLease, type Lease } from "../../layer/lease.ts";
import type { LayerRecord } from "../../layer/records.ts";
import { exclusively } from "../../layer/store.ts";
import type { Repository } from "../../source/registry/repository.ts";
import type { CallOptions } from "../engine.ts";
import { openStoredImage, type StoredImage } from "../images/stored-image.ts";
import { recoverAll } from "../recover.ts";
import type { Stores } from "../stores.ts";
import { type LayerPusher, layerPusher, type PushedLayer, requestOptions } from "./push-layer.ts";

export interface PushOptions extends CallOptions {
  /** Every tag of the repository; then the name has none. */
  readonly allTags?: boolean | undefined;
}

/** What a registry has after a push. */
export interface PushResult {
  /** In full, such as `docker.io/library/nginx`. */
  readonly repository: string;
  readonly tags: readonly PushedTag[];
}

export interface PushedTag {
  readonly tag: string;
  /** Id of the image. */
  readonly id: Digest;
  /** Of the manifest, with its size in bytes. */
  readonly digest: Digest;
  readonly size: number;
  /** Lowest first. */
  readonly layers: readonly PushedLayer[];
}

interface Candidate {
  readonly reference: NamedReference & { readonly tag: string };
  readonly image: StoredImage;
}

/**
 * Sends images to the repository that they are named for. Layers and config go before the manifest, which makes them
 * visible at once; what a registry got of a push that failed is found there by the next one.
 */
export async function pushImages(
  stores: Stores,
  repositoryOf: (name: NamedReference) => Repository,
  name: string,
  options: PushOptions,
): Promise<PushResult> {
  const wanted = parseWanted(name, options.allTags ?? false);
  options.onProgress?.({ type: "push-start", repository: canonicalName(wanted) });
  const { candidates, lease } = await exclusively(stores.layers, () => hold(stores, wanted), options.signal);
  using _lease = lease;
  const repository = repositoryOf(wanted);
  const push = layerPusher(stores, repository, options);
  const tags: PushedTag[] = [];
  for (const candidate of candidates) tags.push(await pushImage(stores, repository, push, candidate, options));
  return { repository: canonicalName(wanted), tags };
}

function parseWanted(name: string, allTags: boolean): NamedReference {
  const wanted = parseReference(name);
  if (wanted.digest !== undefined) {
    throw new LayerfsError("INVALID_REFERENCE", "cannot push a digest reference", {
      hint: `give ${familiarName(wanted)} with a tag: a registry makes the digest itself`,
    });
  }
  if (allTags && wanted.tag !== undefined) {
    throw new LayerfsError("USAGE", "tag can't be used with --all-tags/-a", {
      hint: `push ${familiarName(wanted)}, or leave out --all-tags`,
    });
  }
  return allTags ? wanted : withDefaultTag(wanted);
}

/** Looks the images up and names their layers in a lease, so that nobody removes them meanwhile. */
async function hold(stores: Stores, wanted: NamedReference): Promise<{ candidates: Candidate[]; lease: Lease }> {
  await recoverAll(stores);
  const candidates = findTags(stores, wanted).map((reference) => ({
    reference,
    image: openStoredImage(stores, familiarString(reference)),
  }));
  const layers = candidates.flatMap(({ image }) => image.layers.map(({ chainID }) => chainID));
  const lease = createLease(stores.layers.layout, {
    reason: `push ${familiarString(wanted)}`,
    chainIDs: [...new Set(layers)],
    making: [],
    cacheIDs: [],
  });
  return { candidates, lease };
}

/** Docker's rules and words (moby, distribution/push.go and push_v2.go). */
function findTags(stores: Stores, wanted: NamedReference): Candidate["reference"][] {
  const repositories = readRepositories(stores.images);
  const names = [...(repositories.get(familiarName(wanted))?.keys() ?? [])].map(parseReference);
  if (names.length === 0) {
    throw notFound(`An image does not exist locally with the tag: ${printable(familiarName(wanted))}`);
  }
  if (wanted.tag !== undefined && findName(repositories, wanted) === null) {
    throw notFound(`tag does not exist: ${printable(familiarString(wanted))}`);
  }
  const tags = names.filter((name): name is Candidate["reference"] => name.tag !== undefined);
  const found = tags.filter(({ tag }) => wanted.tag === undefined || tag === wanted.tag);
  if (found.length === 0) throw notFound(`no tags to push for ${printable(familiarName(wanted))}`);
  return found.sort((a, b) => (a.tag < b.tag ? -1 : 1));
}

function notFound(message: string): LayerfsError {
  return new LayerfsError("NOT_FOUND", message, {
    hint: "`layerfs images` lists what is here, `layerfs tag` gives an image the name of its repository in a registry",
  });
}

async function pushImage(
  stores: Stores,
  repository: Repository,
  push: LayerPusher,
  { reference, image }: Candidate,
  options: PushOptions,
): Promise<PushedTag> {
  const sent = await pushLayers(push, image.layers);
  const { digest, bytes } = image.config;
  const config = { mediaType: MEDIA_TYPE.dockerConfig, digest, size: bytes.length };
  const request = requestOptions(options, options.signal);
  if ((await repository.statBlob(digest, request)) === null) {
    await repository.uploadBlob(config, () => once(bytes), request);
  }
  const layers = image.layers.map(({ diffID }) => sent.get(diffID)!);
  const manifest = encodeDockerManifest(config, layers);
  await repository.putManifest(manifest, reference.tag, request);
  await exclusively(stores.layers, () => noteDigest(stores, reference, manifest.digest, image.id));
  const pushed = { tag: reference.tag, digest: manifest.digest, size: manifest.bytes.length };
  options.onProgress?.({ type: "push-done", ...pushed });
  return { ...pushed, id: image.id, layers };
}

/** Topmost first, as Docker does. Where one fails the others are given up. */
async function pushLayers(push: LayerPusher, layers: readonly LayerRecord[]): Promise<Map<Digest, PushedLayer>> {
  const distinct = new Map(layers.toReversed().map((layer) => [layer.diffID, layer]));
  const stop = new AbortController();
  const pushing = [...distinct.values()].map(async (layer) => {
    try {
      return await push(layer, stop.signal);
    } catch (error) {
      stop.abort(error);
      throw error;
    }
  });
  await Promise.allSettled(pushing);
  throwIfFailed(stop.signal);
  return new Map((await Promise.all(pushing)).map((layer) => [layer.diffID, layer]));
}

/** With the failure that made the others be given up. */
function throwIfFailed({ aborted, reason }: AbortSignal): void {
  if (aborted) throw reason;
}

async function* once(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes;
}

/** The image is known by its manifest's digest from now on, as after a push by dockerd. A digest's image never changes. */
function noteDigest(stores: Stores, { domain, path }: NamedReference, digest: Digest, id: Digest): void {
  const repositories = readRepositories(stores.images);
  const name = { domain, path, digest };
  if (findName(repositories, name) === null) writeRepositories(stores.images, withName(repositories, name, id));
}
