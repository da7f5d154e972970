import { tmpdir } from "node:os";
import { join } from "node:path";
import type { ImageDestination, OutgoingImage } from "../../core/destination.ts";
import type { Digest } from "../../core/digest.ts";
import { LayerfsError, printable } from "../../core/errors.ts";
import type { LayerCompression } from "../../core/media-types.ts";
import { type Platform, parsePlatform } from "../../core/platform.ts";
import { spaceGuard } from "../../layer/apply/space-guard.ts";
import { createLease } from "../../layer/lease.ts";
import { exclusively } from "../../layer/store.ts";
import { archiveWriter } from "../../source/archive-writer.ts";
import { openDestination } from "../../source/open-destination.ts";
import { fileOutput, streamOutput } from "../../source/output.ts";
import { openDirectory } from "../../sys/at.ts";
import { close } from "../../sys/file.ts";
import { makeDirectories } from "../../sys/make-directories.ts";
import { findStores } from "../docker-root.ts";
import type { CallOptions, EngineOptions } from "../engine.ts";
import type { Stores } from "../stores.ts";
import { type CopiedImage, type CopyingOptions, refuseOneName } from "./copy.ts";
import { familiarNames, findOutgoing, type OutgoingStored } from "./outgoing-images.ts";
import { putMadeImage } from "./put-image.ts";

/** Where saved images go: a file or a stream, which gets an archive, or a destination such as `oci:DIR:TAG`. */
export type SaveTarget =
  | { readonly file: string }
  | { readonly stream: NodeJS.WritableStream }
  | { readonly destination: string };

export interface SaveOptions extends CallOptions {
  /** Form of an archive in a file or a stream. Default: docker, which is an OCI layout too. */
  readonly as?: "docker" | "oci" | undefined;
  /** How layers are packed. Default: none, but for a registry, which gets gzip. */
  readonly compression?: LayerCompression | undefined;
  /** The platform that the images must have. */
  readonly platform?: string | undefined;
}

/** What the engine adds. */
export type SavingOptions = SaveOptions & Pick<EngineOptions, "registries">;

export interface SavedImage {
  readonly id: Digest;
  /** Of its manifest there. */
  readonly digest: Digest;
  /** Familiar names that it has where it went; none: it is known there by its id. */
  readonly names: readonly string[];
}

export interface LeasableStores {
  readonly stores: Stores;
  /** The store is this process's to write, so that a lease can keep images while they are read. */
  readonly mayWrite: boolean;
}

/** Copies an image of the store, or of another data root, to a destination that is no store. */
export async function copyFromStore(
  from: string,
  to: string,
  own: () => Promise<LeasableStores>,
  options: CopyingOptions,
): Promise<CopiedImage[]> {
  if (options.all === true)
    throw new LayerfsError("USAGE", `image ${printable(from)}: it has one platform, not several`);
  let leasable: LeasableStores | null = null;
  const { stores, name } = await findStores(from, async () => {
    leasable = await own();
    return leasable.stores;
  });
  return saveImages(leasable ?? { stores, mayWrite: false }, [name], { destination: to }, options);
}

export async function saveImages(
  { stores, mayWrite }: LeasableStores,
  words: readonly string[],
  target: SaveTarget,
  options: SavingOptions,
): Promise<SavedImage[]> {
  if (words.length === 0) throw new LayerfsError("USAGE", "there is no image to save");
  const platform = options.platform === undefined ? undefined : parsePlatform(options.platform);
  const { images, lease } = await leaseOutgoing(stores, mayWrite, words, platform, options.signal);
  using _lease = lease;
  const opened = await openTarget(target, options);
  await using destination = opened;
  refuseOneName(destination, images.length);
  const put = await putAll(stores, mayWrite, images, destination, options);
  return images.map(({ image }, index) => ({
    id: image.id,
    digest: (put[index] as OutgoingImage).descriptor.digest,
    names: familiarNames(image),
  }));
}

async function putAll(
  stores: Stores,
  mayWrite: boolean,
  images: readonly OutgoingStored[],
  destination: ImageDestination,
  options: SaveOptions,
): Promise<OutgoingImage[]> {
  const spoolDirectory = mayWrite ? join(stores.layers.layout.own, "tmp") : tmpdir();
  if (mayWrite) makeDirectories(spoolDirectory, 0o700);
  const fd = openDirectory(spoolDirectory);
  try {
    const { bytes: beforeSpooling } = spaceGuard(fd, { maxLayerSize: null });
    const { compression, signal, onProgress } = options;
    const packed: Parameters<typeof putMadeImage>[2] = new Map();
    const put: OutgoingImage[] = [];
    for (const { image, parent } of images) {
      const making = { compression, spoolDirectory, beforeSpooling, parent, signal, onProgress };
      put.push(await putMadeImage(destination, image, packed, making));
    }
    await destination.commit(put, { signal });
    return put;
  } finally {
    close(fd);
  }
}

/** All words are resolved before a byte goes out. */
async function leaseOutgoing(
  stores: Stores,
  mayWrite: boolean,
  words: readonly string[],
  platform: Platform | undefined,
  signal: AbortSignal | undefined,
): Promise<{ images: OutgoingStored[]; lease: Disposable | null }> {
  if (!mayWrite) return { images: findOutgoing(stores, words, platform), lease: null };
  return exclusively(
    stores.layers,
    () => {
      const images = findOutgoing(stores, words, platform);
      const chainIDs = images.flatMap(({ stored }) => stored.layers.map(({ chainID }) => chainID));
      const reason = `save ${images.map(({ image }) => image.id).join(" ")}`;
      return { images, lease: createLease(stores.layers.layout, { reason, chainIDs, making: [], cacheIDs: [] }) };
    },
    signal,
  );
}

async function openTarget(target: SaveTarget, { as = "docker", registries }: SavingOptions): Promise<ImageDestination> {
  if ("file" in target) return archiveWriter(await fileOutput(target.file), { form: as, name: null });
  if ("stream" in target) return archiveWriter(streamOutput(target.stream), { form: as, name: null });
  const destination = await openDestination(target.destination, { registries });
  if (destination !== null) return destination;
  throw new LayerfsError(
    "USAGE",
    `destination ${printable(target.destination)}: expected oci:DIR, oci-archive:FILE or the like`,
  );
}
