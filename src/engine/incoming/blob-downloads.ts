import { type HeldBlob, holdBlob } from "../../content/hold-blob.ts";
import { ingestBlob } from "../../content/ingest.ts";
import type { Descriptor } from "../../core/descriptor.ts";
import type { Digest } from "../../core/digest.ts";
import { isLayerfsError } from "../../core/errors.ts";
import { limitOf } from "../../core/limit.ts";
import type { LayerBytes } from "../../layer/apply/job.ts";

export interface DownloadOptions {
  /** Where blobs lie until their image is in the store. */
  readonly directory: string;
  readonly open: (blob: Descriptor, offset: number, signal: AbortSignal) => AsyncIterable<Uint8Array>;
  /** Blobs that are fetched at the same time. */
  readonly atOnce: number;
  /** May refuse bytes before they are written, by throwing. */
  readonly beforeWriting: (count: number) => void;
  readonly signal?: AbortSignal | undefined;
}

export type OnBytes = (count: number, origin: "disk" | "network") => void;

/** The blobs of one image on their way from a registry. All are fetched or, after the first failure, none. */
export interface BlobDownloads {
  /** Aborted with the caller's, and by the first download that fails. */
  readonly signal: AbortSignal;
  /** Why a download failed; null while none has. */
  readonly failure: { readonly error: unknown } | null;
  /** Fetches blobs in the background, in this order, and gives their bytes as they come. A blob twice is fetched once. */
  start(blobs: readonly { readonly descriptor: Descriptor; readonly onBytes: OnBytes }[]): Promise<LayerBytes[]>;
  /** Fetches a blob of a few bytes whole; their digest is not verified. */
  fetch(descriptor: Descriptor): Promise<HeldBlob>;
  /**
   * Removes what was fetched of a blob, as its bytes are wrong. Whether some of them were there before: then those of
   * the registry may be right.
   */
  discard(digest: Digest): Promise<boolean>;
  /** Ends what is running. `keep`: what was fetched stays for the next attempt; else nobody needs it any more. */
  end(options: { readonly keep: boolean }): Promise<void>;
}

interface Download {
  readonly blob: HeldBlob;
  /** Never rejects. */
  done: Promise<void>;
  wasThere: boolean;
  /** More or fewer bytes came than there should be. */
  isWrong: boolean;
}

export function blobDownloads(options: DownloadOptions): BlobDownloads {
  const stop = new AbortController();
  const signal = options.signal === undefined ? stop.signal : AbortSignal.any([stop.signal, options.signal]);
  const limit = limitOf(options.atOnce);
  const downloads = new Map<Digest, Download>();
  let failure: BlobDownloads["failure"] = null;

  const hold = async (descriptor: Descriptor): Promise<Download> => {
    const known = downloads.get(descriptor.digest);
    if (known !== undefined) return known;
    const blob = await holdBlob(options.directory, descriptor, signal);
    const download: Download = { blob, done: Promise.resolve(), wasThere: false, isWrong: false };
    downloads.set(descriptor.digest, download);
    return download;
  };
  const run = async (download: Download, onBytes: OnBytes): Promise<void> => {
    try {
      await limit(() => ingest(download, options, signal, onBytes));
    } catch (error) {
      failure ??= { error };
      stop.abort();
      if (isLayerfsError(error, "DIGEST_MISMATCH")) download.isWrong = true;
    }
  };

  return {
    signal,
    get failure() {
      return failure;
    },
    async start(blobs) {
      const held: Download[] = [];
      for (const { descriptor } of blobs) held.push(await hold(descriptor));
      const started = new Set<Download>();
      for (const [index, download] of held.entries()) {
        if (started.has(download)) continue;
        started.add(download);
        download.done = run(download, (blobs[index] as (typeof blobs)[number]).onBytes);
      }
      return held.map(({ blob }) => bytesOf(blob));
    },
    async fetch(descriptor) {
      const download = await hold(descriptor);
      await run(download, () => {});
      if (failure !== null) throw failure.error;
      return download.blob;
    },
    async discard(digest) {
      const download = downloads.get(digest);
      if (download === undefined) return false;
      await download.blob.discard();
      return download.wasThere;
    },
    async end({ keep }) {
      stop.abort();
      await Promise.all([...downloads.values()].map(({ done }) => done));
      const held = [...downloads.values()];
      downloads.clear();
      await releaseAll(held, keep);
    },
  };
}

function ingest(
  download: Download,
  { open, beforeWriting }: DownloadOptions,
  signal: AbortSignal,
  onBytes: OnBytes,
): Promise<void> {
  return ingestBlob(download.blob, {
    open: (offset) => open(download.blob.descriptor, offset, signal),
    signal,
    beforeWriting,
    onBytes(count, origin) {
      if (origin === "disk" && count > 0) download.wasThere = true;
      onBytes(count, origin);
    },
  });
}

/** All of them, also where one fails; then it fails as the first. */
async function releaseAll(downloads: readonly Download[], keep: boolean): Promise<void> {
  const failures: unknown[] = [];
  const note = (error: unknown): void => void failures.push(error);
  for (const { blob, isWrong } of downloads) {
    if (isWrong) await blob.discard().catch(note);
    await blob.release({ keep }).catch(note);
  }
  if (failures.length > 0) throw failures[0];
}

function bytesOf({ fd, descriptor, arrival }: HeldBlob): LayerBytes {
  return { kind: "blob", extent: { fd, offset: 0, length: descriptor.size }, digest: descriptor.digest, arrival };
}
