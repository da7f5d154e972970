import type { Descriptor } from "../../core/descriptor.ts";
import type { Digest } from "../../core/digest.ts";
import { MANIFEST_TYPES } from "./fetch-manifest.ts";
import type { RequestOptions } from "./repository.ts";
import { fetching, pullScopes, type RepositoryHosts } from "./repository-hosts.ts";
import type { Answer } from "./transport.ts";

/** See `Repository.hasBlob` and `Repository.hasManifest`. */
export async function has(...parameters: Parameters<typeof head>): Promise<boolean> {
  return (await head(...parameters)) !== null;
}

/** See `Repository.statBlob`. */
export async function statBlob(
  hosts: RepositoryHosts,
  digest: Digest,
  options: RequestOptions,
): Promise<Pick<Descriptor, "digest" | "size"> | null> {
  const length = (await head(hosts, "blobs", digest, options))?.header("content-length");
  return length !== undefined && /^\d{1,15}$/.test(length) ? { digest, size: Number(length) } : null;
}

/** What a HEAD request found; null where it is not there. */
async function head(
  hosts: RepositoryHosts,
  kind: "blobs" | "manifests",
  digest: Digest,
  options: RequestOptions,
): Promise<Answer | null> {
  // What is asked is whether the registry itself has it: a mirror's word is no reason not to send it.
  const answer = await fetching({ ...hosts, mirrors: [] }, options, async (host) => {
    const found = await host.send({
      method: "HEAD",
      to: `${hosts.path}/${kind}/${digest}`,
      headers: kind === "manifests" ? { accept: MANIFEST_TYPES.join(", ") } : {},
      scopes: pullScopes(hosts),
      accept: [200, 404],
      object: `${kind === "blobs" ? "blob" : "manifest"} ${hosts.path}@${digest}`,
      signal: options.signal,
    });
    await found.discard();
    return found;
  });
  return answer.status === 200 ? answer : null;
}
