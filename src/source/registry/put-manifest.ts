import type { FetchedManifest, RequestOptions } from "./repository.ts";
import { pushScopes, type RepositoryHosts, retryOptions } from "./repository-hosts.ts";
import { retrying } from "./retry.ts";
import { checkDigest } from "./upload-blob.ts";

/** See `Repository.putManifest`. A registry that keeps a tag's manifest keeps it under its digest as well. */
export async function putManifest(
  hosts: RepositoryHosts,
  { bytes, digest, mediaType }: FetchedManifest,
  tag: string | null,
  { signal, onRetry }: RequestOptions,
): Promise<void> {
  const { origin, path, retry } = hosts;
  const object = `manifest ${path}${tag === null ? "@" : ":"}${tag ?? digest}`;
  await retrying(retry, retryOptions(origin, { signal, onRetry }), async () => {
    const answer = await origin.send({
      method: "PUT",
      to: `${path}/manifests/${tag ?? digest}`,
      headers: { "content-type": mediaType, "content-length": String(bytes.length) },
      body: () => bytes,
      scopes: pushScopes(hosts),
      accept: [201, 202],
      object,
      signal,
    });
    await answer.discard();
    checkDigest(answer, digest, `registry ${origin.name}: ${object}`);
  });
}
