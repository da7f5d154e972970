import type { Descriptor } from "../../core/descriptor.ts";
import type { Digest } from "../../core/digest.ts";
import { isLayerfsError, LayerfsError, printable } from "../../core/errors.ts";
import { resolveLocation } from "./registry-host.ts";
import type { Reopenable, RequestOptions } from "./repository.ts";
import { pullScopes, pushScopes, type RepositoryHosts, retryOptions } from "./repository-hosts.ts";
import { isPassing, passing, retrying, waitAfter } from "./retry.ts";
import type { Answer } from "./transport.ts";
import { exactly, from } from "./upload-bytes.ts";

type Blob = Pick<Descriptor, "digest" | "size">;

/** An upload that the registry has begun, and where its next request goes. */
interface Upload {
  readonly url: URL;
  /** The least bytes of a chunk but the last (distribution-spec, OCI-Chunk-Min-Length); 0: not told. */
  readonly leastChunk: number;
}

/** Nobody waits long for an upload to be forgotten. */
const CANCEL_TIMEOUT = 5_000;
const OCTETS = "application/octet-stream";

/** See `Repository.uploadBlob`. */
export async function uploadBlob(
  hosts: RepositoryHosts,
  blob: Blob,
  bytes: Reopenable,
  options: RequestOptions,
): Promise<void> {
  const { origin, retry } = hosts;
  const title = `registry ${origin.name}: ${objectOf(hosts, blob.digest)}`;
  await retrying(retry, retryOptions(origin, options), async () => {
    const upload = await begin(hosts, blob, options);
    try {
      const chunkSize = Math.max(hosts.uploadChunkSize ?? 0, upload.leastChunk);
      if (chunkSize > 0 && blob.size > chunkSize) await sendChunks(hosts, blob, bytes, upload, chunkSize, options);
      else await finish(hosts, blob, upload, () => exactly(bytes(), blob, title), options);
    } catch (error) {
      if (!isPassing(error)) await cancel(hosts, blob, upload);
      throw error;
    }
  });
}

/** See `Repository.mountBlob`. That the other repository may not be read, or is not there, is no failure. */
export async function mountBlob(
  hosts: RepositoryHosts,
  digest: Digest,
  source: string,
  options: RequestOptions,
): Promise<boolean> {
  try {
    return await mount(hosts, digest, source, options);
  } catch (error) {
    if (isLayerfsError(error, "UNAUTHORIZED") || isLayerfsError(error, "NOT_FOUND")) return false;
    throw error;
  }
}

/** A registry that begins an upload instead is told that it is not wanted. */
async function mount(
  hosts: RepositoryHosts,
  digest: Digest,
  source: string,
  options: RequestOptions,
): Promise<boolean> {
  const { origin, path, retry } = hosts;
  const object = objectOf(hosts, digest);
  return retrying(retry, retryOptions(origin, options), async () => {
    const query = new URLSearchParams({ mount: digest, from: source });
    const answer = await origin.send({
      method: "POST",
      to: `${path}/blobs/uploads/?${query}`,
      headers: { "content-length": "0" },
      scopes: [...pushScopes(hosts), ...pullScopes({ path: source })],
      accept: [201, 202],
      object: `${object}, to be had from ${source}`,
      signal: options.signal,
    });
    await answer.discard();
    if (answer.status === 201) {
      checkDigest(answer, digest, `registry ${origin.name}: ${object}`);
      return true;
    }
    await cancel(hosts, { digest }, await uploadOf(hosts, answer, object));
    return false;
  });
}

async function begin(hosts: RepositoryHosts, { digest }: Blob, { signal }: RequestOptions): Promise<Upload> {
  const object = objectOf(hosts, digest);
  const answer = await hosts.origin.send({
    method: "POST",
    to: `${hosts.path}/blobs/uploads/`,
    headers: { "content-length": "0" },
    scopes: pushScopes(hosts),
    accept: [202],
    object,
    signal,
  });
  await answer.discard();
  return uploadOf(hosts, answer, object);
}

/** Where the next request of an upload goes: relative or whole, with its query (distribution-spec, "Pushing blobs"). */
async function uploadOf({ origin }: RepositoryHosts, answer: Answer, object: string): Promise<Upload> {
  const title = `registry ${origin.name}: ${object}`;
  const location = answer.header("location");
  if (location === undefined) {
    throw new LayerfsError("REGISTRY", `${title}: expected a Location for the upload, found none`);
  }
  const least = Number(answer.header("oci-chunk-min-length") ?? 0);
  const url = await resolveLocation(location, answer.url, title, origin.isInsecure);
  return { url, leastChunk: Number.isSafeInteger(least) ? least : 0 };
}

/** Sends what is left, which may be all or nothing, and closes the upload. */
async function finish(
  hosts: RepositoryHosts,
  { digest, size }: Blob,
  { url }: Upload,
  rest: (() => AsyncIterable<Uint8Array>) | null,
  { signal }: RequestOptions,
): Promise<void> {
  const target = new URL(url);
  // Set as text: what the registry wrote into the query may be signed, and is sent back as it is.
  target.search = `${url.search === "" ? "?" : `${url.search}&`}digest=${encodeURIComponent(digest)}`;
  const object = objectOf(hosts, digest);
  const answer = await hosts.origin.send({
    method: "PUT",
    to: target,
    headers: { "content-type": OCTETS, "content-length": rest === null ? "0" : String(size) },
    body: rest ?? undefined,
    scopes: pushScopes(hosts),
    accept: [201],
    object,
    signal,
  });
  await answer.discard();
  checkDigest(answer, digest, `registry ${hosts.origin.name}: ${object}`);
}

/** Chunk after chunk. After a break it goes on with what the registry says it has. */
async function sendChunks(
  hosts: RepositoryHosts,
  blob: Blob,
  bytes: Reopenable,
  begun: Upload,
  chunkSize: number,
  options: RequestOptions,
): Promise<void> {
  const title = `registry ${hosts.origin.name}: ${objectOf(hosts, blob.digest)}`;
  let upload = begun;
  let position = 0;
  let furthest = 0;
  let failures = 0;
  while (position < blob.size) {
    const start = position;
    const end = Math.min(start + chunkSize, blob.size);
    try {
      const chunk = (): AsyncIterable<Uint8Array> => from(bytes(), blob, { start, end }, title);
      const answer = await patch(hosts, blob, upload, { start, end }, chunk, options);
      if (answer.status === 416) throw passing(outOfStep(title, "another part", start));
      upload = await uploadOf(hosts, answer, objectOf(hosts, blob.digest));
      position = offsetOf(answer, title) ?? end;
      if (position <= start || position > end) throw outOfStep(title, `${position} bytes`, end);
      // A registry that loses what it took, and takes it again, brings the upload no further.
      if (position > furthest) failures = 0;
      furthest = Math.max(furthest, position);
    } catch (error) {
      failures += 1;
      await waitAfter(error, failures, hosts.retry, retryOptions(hosts.origin, options));
      const answer = await status(hosts, blob, upload, options);
      upload = await uploadOf(hosts, answer, objectOf(hosts, blob.digest));
      position = offsetOf(answer, title) ?? 0;
      if (position > blob.size) throw outOfStep(title, `${position} bytes`, blob.size);
    }
  }
  await finish(hosts, blob, upload, null, options);
}

async function patch(
  hosts: RepositoryHosts,
  { digest }: Blob,
  { url }: Upload,
  { start, end }: { readonly start: number; readonly end: number },
  body: () => AsyncIterable<Uint8Array>,
  { signal }: RequestOptions,
): Promise<Answer> {
  const answer = await hosts.origin.send({
    method: "PATCH",
    to: url,
    headers: {
      "content-type": OCTETS,
      "content-length": String(end - start),
      "content-range": `${start}-${end - 1}`,
    },
    body,
    scopes: pushScopes(hosts),
    accept: [202, 416],
    object: objectOf(hosts, digest),
    signal,
  });
  await answer.discard();
  return answer;
}

/** What the registry has of an upload. Where it knows nothing of it any more, the blob is worth another upload. */
async function status(
  hosts: RepositoryHosts,
  { digest }: Blob,
  { url }: Upload,
  { signal }: RequestOptions,
): Promise<Answer> {
  try {
    const answer = await hosts.origin.send({
      method: "GET",
      to: url,
      scopes: pushScopes(hosts),
      accept: [204],
      object: `upload of ${objectOf(hosts, digest)}`,
      signal,
    });
    await answer.discard();
    return answer;
  } catch (error) {
    throw isLayerfsError(error, "NOT_FOUND") ? passing(error) : error;
  }
}

/** How many bytes the registry has of an upload: it says `0-N`, the last one included. */
function offsetOf(answer: Answer, title: string): number | null {
  const range = answer.header("range");
  if (range === undefined) return null;
  const last = /^(?:bytes=)?0-(\d{1,16})$/.exec(range.trim())?.[1];
  if (last === undefined) {
    throw new LayerfsError(
      "REGISTRY",
      `${title}: expected a Range such as 0-99, found ${printable(range.slice(0, 80))}`,
    );
  }
  return last === "0" ? 0 : Number(last) + 1;
}

function outOfStep(title: string, found: string, expected: number): LayerfsError {
  return new LayerfsError("REGISTRY", `${title}: the registry has ${found} of it, expected ${expected} bytes`);
}

/** Lets the registry forget an upload at once. Where it would not, it does so by itself some day. */
async function cancel(hosts: RepositoryHosts, { digest }: Pick<Blob, "digest">, { url }: Upload): Promise<void> {
  try {
    const answer = await hosts.origin.send({
      method: "DELETE",
      to: url,
      scopes: pushScopes(hosts),
      accept: [200, 202, 204, 404, 405],
      object: `upload of ${objectOf(hosts, digest)}`,
      signal: AbortSignal.timeout(CANCEL_TIMEOUT),
    });
    await answer.discard();
  } catch (error) {
    if (!isLayerfsError(error)) throw error;
  }
}

function objectOf({ path }: RepositoryHosts, digest: Digest): string {
  return `blob ${path}@${digest}`;
}

/** Fails with DIGEST_MISMATCH where the registry says that it took the bytes for others. */
export function checkDigest(answer: Answer, digest: Digest, title: string): void {
  const found = answer.header("docker-content-digest");
  if (found === undefined || found === "" || found === digest) return;
  // A registry may name the same bytes by another algorithm.
  if (found.split(":", 1)[0] !== digest.split(":", 1)[0]) return;
  throw new LayerfsError("DIGEST_MISMATCH", `${title}: the registry took it for ${printable(found.slice(0, 140))}`);
}
