import { join } from "node:path";
import { type ImageConfig, parseConfig } from "../../core/config.ts";
import type { Descriptor } from "../../core/descriptor.ts";
import type { Digest } from "../../core/digest.ts";
import { type ErrorCode, isLayerfsError, LayerfsError } from "../../core/errors.ts";
import type { Manifest } from "../../core/manifest.ts";
import { layerCompression } from "../../core/media-types.ts";
import { canonicalName } from "../../core/reference.ts";
import { noteRegistryBlob } from "../../image/distribution.ts";
import { readWholeConfig } from "../../image/image-db.ts";
import type { Repositories } from "../../image/repositories.ts";
import type { ApplyPool } from "../../layer/apply/pool.ts";
import { spaceGuard } from "../../layer/apply/space-guard.ts";
import { readDocument } from "../../source/documents.ts";
import { checkLayers } from "../../source/manifest-image.ts";
import { repositoryDocuments } from "../../source/registry/choose-manifest.ts";
import type { Repository, RequestOptions } from "../../source/registry/repository.ts";
import { openDirectory } from "../../sys/at.ts";
import { close, pread } from "../../sys/file.ts";
import { makeDirectories } from "../../sys/make-directories.ts";
import type { CallOptions } from "../engine.ts";
import { BLOBS } from "../recover.ts";
import type { Stores } from "../stores.ts";
import { type BlobDownloads, blobDownloads } from "./blob-downloads.ts";
import { type IncomingImage, storeImage } from "./store-image.ts";

export interface PullContext {
  readonly stores: Stores;
  readonly repository: Repository;
  readonly pool: ApplyPool;
  /** Blobs that are fetched at the same time. */
  readonly atOnce: number;
  readonly request: RequestOptions;
  readonly options: CallOptions;
}

/** Gives an image its names, and the call its answer. */
export type NameImage<T> = (
  repositories: Repositories,
  id: Digest,
) => { readonly repositories: Repositories; readonly answer: T };

/**
 * Pulls the image of a manifest. What is in the store is not fetched, each layer is unpacked while it comes, and what was
 * fetched stays for the next attempt if this one fails. Bytes that turn out to be wrong do not stay; where some of them
 * were there before this attempt, they may be the wrong ones, and it is made once more.
 */
export async function pullManifest<T>(context: PullContext, manifest: Manifest, name: NameImage<T>): Promise<T> {
  for (let isRepeated = false; ; isRepeated = true) {
    const result = await attempt(context, manifest, name);
    if ("answer" in result) return result.answer;
    if (!result.mayBeResumed || isRepeated) throw result.error;
  }
}

/** `mayBeResumed`: the bytes are wrong, and some of them were there before the attempt. */
type Attempt<T> = { readonly answer: T } | { readonly error: unknown; readonly mayBeResumed: boolean };

async function attempt<T>(context: PullContext, manifest: Manifest, name: NameImage<T>): Promise<Attempt<T>> {
  const { stores, repository, request, options } = context;
  const directory = join(stores.layers.layout.own, BLOBS);
  makeDirectories(directory, 0o700);
  const fd = openDirectory(directory);
  const downloads = blobDownloads({
    directory,
    open: (blob, offset, signal) => repository.openBlob(blob, { ...request, offset, signal }),
    atOnce: context.atOnce,
    beforeWriting: spaceGuard(fd, { maxLayerSize: null }).bytes,
    signal: options.signal,
  });
  const damaged = new Set<Digest>();
  try {
    const config = await readConfig(context, manifest.config, downloads, damaged);
    const answer = await storeLayers(context, manifest, config, name, downloads, damaged);
    await downloads.end({ keep: false });
    return { answer };
  } catch (caught) {
    const error = downloads.failure?.error ?? caught;
    let mayBeResumed = false;
    for (const digest of damaged) if (await downloads.discard(digest)) mayBeResumed = true;
    // A full disk is not kept full by what may never be asked for again.
    await downloads.end({ keep: !isLayerfsError(error, "NO_SPACE") });
    return { error: withRepository(error, repository), mayBeResumed };
  } finally {
    close(fd);
  }
}

function storeLayers<T>(
  { stores, repository, pool, options }: PullContext,
  manifest: Manifest,
  config: ImageConfig,
  name: NameImage<T>,
  downloads: BlobDownloads,
  damaged: Set<Digest>,
): Promise<T> {
  checkLayers(repositoryDocuments(repository, null, {}).title, manifest, config);
  const { layers } = manifest;
  const { diffIDs } = config.rootfs;
  const incoming: IncomingImage<T> = {
    config,
    stored: layers,
    reason: `pull ${config.digest}`,
    bytesOf: (places) =>
      downloads.start(
        places.map((place) => ({
          descriptor: layers[place] as Descriptor,
          onBytes: (bytes, origin) =>
            options.onProgress?.({ type: "download-progress", layer: diffIDs[place] as Digest, bytes, origin }),
        })),
      ),
    onFailure(place, error) {
      if (FAULTS_OF_BYTES.some((code) => isLayerfsError(error, code)))
        damaged.add((layers[place] as Descriptor).digest);
    },
    note() {
      const source = canonicalName(repository.name);
      for (const [place, { digest, mediaType }] of layers.entries()) {
        // Whoever pushes by the notes, dockerd or layerfs, writes all of them as gzip into the manifest.
        if (layerCompression(mediaType) === "zstd") continue;
        noteRegistryBlob(stores.images, diffIDs[place] as Digest, { digest, repository: source });
      }
    },
    name: (repositories) => name(repositories, config.digest),
  };
  return storeImage(stores, incoming, pool, { ...options, signal: downloads.signal });
}

/** The image's config, from the store where it is there already. */
async function readConfig(
  { stores, repository }: PullContext,
  descriptor: Descriptor,
  downloads: BlobDownloads,
  damaged: Set<Digest>,
): Promise<ImageConfig> {
  const stored = readWholeConfig(stores.images, descriptor.digest);
  if (stored !== null) return stored;
  const bytes = await readDocument(repositoryDocuments(repository, null, {}), descriptor, async () => {
    const { fd } = await downloads.fetch(descriptor);
    // Should anything of it be wrong, it is not kept.
    damaged.add(descriptor.digest);
    const all = Buffer.alloc(descriptor.size);
    pread(fd, all, 0);
    return all;
  });
  const config = parseConfig(bytes);
  damaged.delete(descriptor.digest);
  return config;
}

const FAULTS_OF_BYTES: readonly ErrorCode[] = [
  "DIGEST_MISMATCH",
  "INVALID_COMPRESSION",
  "INVALID_TAR",
  "INVALID_LAYER",
];

const NAMED: ReadonlySet<ErrorCode> = new Set([
  ...FAULTS_OF_BYTES,
  "INVALID_MANIFEST",
  "INVALID_CONFIG",
  "UNSUPPORTED",
  "NO_SPACE",
]);

/** What is wrong with what came, or with where it goes, told with where it came from. */
export function withRepository(error: unknown, repository: Repository): unknown {
  const { title, remedy } = repositoryDocuments(repository, null, {});
  if (!isLayerfsError(error) || !NAMED.has(error.code) || error.message.startsWith(title)) return error;
  const { code, message, hint, errno } = error;
  const isBytes = code === "DIGEST_MISMATCH" || code === "INVALID_COMPRESSION";
  return new LayerfsError(code, `${title}: ${message}`, { hint: isBytes ? remedy : hint, errno, cause: error });
}
