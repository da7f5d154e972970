import { availableParallelism } from "node:os";
import { throwIfCancelled } from "../../core/cancellation.ts";
import type { Descriptor } from "../../core/descriptor.ts";
import type { Digest } from "../../core/digest.ts";
import { withObject } from "../../core/errors.ts";

import { limitOf } from "../../core/limit.ts";
import { MEDIA_TYPE } from "../../core/media-types.ts";
import { canonicalName, parseReference } from "../../core/reference.ts";

import { noteRegistryBlob, type RegistryBlob, readRegistryBlobs } from "../../image/distribution.ts";
import type { LayerRecord } from "../../layer/records.ts";
import { exclusively } from "../../layer/store.ts";
import type { Repository, RequestOptions } from "../../source/registry/repository.ts";
import type { CallOptions } from "../engine.ts";
import type { Stores } from "../stores.ts";
import { compressLayer } from "./compress-layer.ts";

/** How a layer came to be in the registry's repository. */
export interface PushedLayer {
  readonly diffID: Digest;
  /** Of the layer's blob there, with its size in bytes. */
  readonly mediaType: string;
  readonly digest: Digest;
  readonly size: number;
  /** `sent`: it was compressed and uploaded; `exists`: the repository had it; `mounted`: another repository there had it. */
  readonly how: "sent" | "exists" | "mounted";
  /** The repository it was mounted from, without its registry; else null. */
  readonly from: string | null;
}

type Found = Pick<PushedLayer, "how" | "from"> & Pick<Descriptor, "digest" | "size">;

/** Fails with CANCELLED if `signal` is aborted; codes further: those of `Repository` and `compressLayer`. */
export type LayerPusher = (layer: LayerRecord, signal: AbortSignal) => Promise<PushedLayer>;

/** What each request of a call is given. */
export function requestOptions({ onProgress }: CallOptions, signal: AbortSignal | undefined): RequestOptions {
  return { signal, onRetry: (event) => onProgress?.({ type: "retry", ...event }) };
}

/** As many as dockerd's. */
const MAX_UPLOADS = 5;
/** Digests to look for in a repository, and repositories to try to mount a layer from. */
const MAX_CANDIDATES = 4;

/**
 * Pushes layers to a repository, several at a time, each once. What the registry has is neither compressed nor sent;
 * where it has a layer is noted at once, for the next push.
 */
export function layerPusher(stores: Stores, repository: Repository, options: CallOptions): LayerPusher {
  const uploads = limitOf(MAX_UPLOADS);
  const compressions = limitOf(Math.min(MAX_UPLOADS, availableParallelism()));
  const pushed = new Map<Digest, PushedLayer>();
  const target = canonicalName(repository.name);

  const push = async (layer: LayerRecord, signal: AbortSignal): Promise<PushedLayer> => {
    const { diffID } = layer;
    const known = readRegistryBlobs(stores.images, diffID).reverse();
    const found =
      (await find(repository, target, known, requestOptions(options, signal))) ?? (await send(layer, signal));
    const mediaType = found.digest === diffID ? MEDIA_TYPE.dockerLayer : MEDIA_TYPE.dockerLayerGzip;
    const result = { diffID, ...found, mediaType };
    await exclusively(
      stores.layers,
      () => noteRegistryBlob(stores.images, diffID, { digest: found.digest, repository: target }),
      signal,
    );
    return result;
  };

  const send = async (layer: LayerRecord, signal: AbortSignal): Promise<Found> => {
    await using blob = await compressions(() => compressLayer(stores, layer, { ...options, signal }));
    const { digest, size, open } = blob;
    const request = requestOptions(options, signal);
    if ((await repository.statBlob(digest, request)) !== null) return { digest, size, how: "exists", from: null };
    await repository.uploadBlob({ digest, size }, () => counted(open(), layer, size, options), request);
    return { digest, size, how: "sent", from: null };
  };

  return async (layer, stop) => {
    const signal = options.signal === undefined ? stop : AbortSignal.any([options.signal, stop]);
    return uploads(async () => {
      throwIfCancelled(signal);
      const before = pushed.get(layer.diffID);
      try {
        const result =
          before === undefined ? await push(layer, signal) : { ...before, how: "exists" as const, from: null };
        pushed.set(layer.diffID, result);
        report(result, options);
        return result;
      } catch (error) {
        throw withObject(error, `layer ${layer.diffID}`);
      }
    });
  };
}

function report({ diffID, from, how }: PushedLayer, { onProgress }: CallOptions): void {
  if (how === "sent") onProgress?.({ type: "layer-done", layer: diffID, warnings: [] });
  else if (from === null) onProgress?.({ type: "layer-exists", layer: diffID });
  else onProgress?.({ type: "layer-mounted", layer: diffID, from });
}

/** Tells of the upload that begins; an attempt that is repeated begins anew. */
async function* counted(
  bytes: AsyncIterable<Uint8Array>,
  { diffID: layer }: LayerRecord,
  total: number,
  { onProgress }: CallOptions,
): AsyncGenerator<Uint8Array> {
  onProgress?.({ type: "layer-start", layer, total, activity: "sending" });
  for await (const chunk of bytes) {
    yield chunk;
    onProgress?.({ type: "layer-progress", layer, bytes: chunk.length });
  }
}

/**
 * Looks for the layer in the registry under the digests it is known by, newest first: in the repository itself, then in
 * other repositories of the registry, to mount it from there, then in the repository under what other registries call it.
 */
async function find(
  repository: Repository,
  target: string,
  known: readonly RegistryBlob[],
  request: RequestOptions,
): Promise<Found | null> {
  const tried = new Set<Digest>();
  const stat = async (digest: Digest): Promise<Found | null> => {
    if (tried.has(digest)) return null;
    tried.add(digest);
    const blob = await repository.statBlob(digest, request);
    return blob === null ? null : { digest, size: blob.size, how: "exists", from: null };
  };
  const there = known.filter(({ repository: name }) => name === target);
  for (const { digest } of there.slice(0, MAX_CANDIDATES)) {
    const found = await stat(digest);
    if (found !== null) return found;
  }
  const others = known.filter(({ repository: name }) => name !== target);
  const here = others.flatMap((blob) => pathIn(repository, blob) ?? []);
  for (const { digest, path } of here.slice(0, MAX_CANDIDATES)) {
    if (!(await repository.mountBlob(digest, path, request))) continue;
    tried.delete(digest);
    const found = await stat(digest);
    if (found !== null) return { ...found, how: "mounted", from: path };
  }
  for (const { digest } of others.slice(0, MAX_CANDIDATES)) {
    const found = await stat(digest);
    if (found !== null) return found;
  }
  return null;
}

/** null where the blob's repository lies in another registry. */
function pathIn({ name }: Repository, blob: RegistryBlob): { readonly digest: Digest; readonly path: string } | null {
  const { domain, path } = parseReference(blob.repository);
  return domain === name.domain ? { digest: blob.digest, path } : null;
}
