import { createHash } from "node:crypto";
import { type Digest, digestAlgorithm, digestOf, parseDigest } from "../../core/digest.ts";
import { isLayerfsError, LayerfsError } from "../../core/errors.ts";
import { MAX_JSON_BYTES, parseJson } from "../../core/json.ts";
import { isIndex, isManifest, isSchema1, MEDIA_TYPE } from "../../core/media-types.ts";
import { htmlInstead } from "./refusal.ts";
import type { RegistryHost } from "./registry-host.ts";
import type { FetchedManifest, RequestOptions } from "./repository.ts";
import { fetching, pullScopes, type RepositoryHosts } from "./repository-hosts.ts";
import type { Answer } from "./transport.ts";

/** Every form of manifest and index that can be read. */
export const MANIFEST_TYPES: readonly string[] = [
  MEDIA_TYPE.dockerManifest,
  MEDIA_TYPE.dockerManifestList,
  MEDIA_TYPE.ociManifest,
  MEDIA_TYPE.ociIndex,
];

/** See `Repository.fetchManifest`. */
export function fetchManifest(
  hosts: RepositoryHosts,
  tagOrDigest: string,
  options: RequestOptions,
): Promise<FetchedManifest> {
  const wanted = tagOrDigest.includes(":") ? parseDigest(tagOrDigest) : null;
  const object = `manifest ${hosts.path}${wanted === null ? ":" : "@"}${tagOrDigest}`;
  return fetching(hosts, options, async (host) => {
    const answer = await host.send({
      method: "GET",
      to: `${hosts.path}/manifests/${tagOrDigest}`,
      headers: { accept: MANIFEST_TYPES.join(", ") },
      scopes: pullScopes(hosts),
      accept: [200],
      object,
      signal: options.signal,
    });
    const title = titleOf(host, object);
    const bytes = await readBounded(answer, title);
    const type = (answer.header("content-type") ?? "").split(";", 1)[0]!.trim().toLowerCase();
    if (type.includes("html")) throw htmlInstead(answer, title, "a manifest");
    return {
      bytes,
      digest: verify(bytes, wanted, promised(answer, title), title),
      mediaType: typeOf(bytes, type, title),
    };
  });
}

function titleOf({ name }: RegistryHost, object: string): string {
  return `registry ${name}: ${object}`;
}

async function readBounded(answer: Answer, title: string): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  let length = Number(answer.header("content-length") ?? 0);
  if (length > MAX_JSON_BYTES) {
    await answer.discard();
    throw tooLarge(title, length);
  }
  length = 0;
  for await (const chunk of answer.body()) {
    chunks.push(chunk);
    length += chunk.length;
    if (length > MAX_JSON_BYTES) throw tooLarge(title, length);
  }
  return Buffer.concat(chunks);
}

/** The digest that the registry itself gives, of an algorithm that can be verified; null without. */
function promised(answer: Answer, title: string): Digest | null {
  const text = answer.header("docker-content-digest");
  if (text === undefined || text === "") return null;
  try {
    return parseDigest(text);
  } catch (error) {
    if (isLayerfsError(error, "UNSUPPORTED")) return null;
    if (!isLayerfsError(error, "INVALID_DIGEST")) throw error;
    throw new LayerfsError("REGISTRY", `${title}: its Docker-Content-Digest: ${error.message}`, { cause: error });
  }
}

/** The digest that the bytes are verified to have: the wanted one, else the promised one, else their SHA-256. */
function verify(bytes: Buffer, wanted: Digest | null, promise: Digest | null, title: string): Digest {
  for (const digest of [wanted, promise]) {
    if (digest === null) continue;
    const algorithm = digestAlgorithm(digest);
    const found = `${algorithm}:${createHash(algorithm).update(bytes).digest("hex")}`;
    if (found !== digest) throw mismatch(title, digest, found);
  }
  return wanted ?? promise ?? digestOf(bytes);
}

/** What the document itself says must not differ from what the registry says of it (CVE-2021-41190). */
function typeOf(bytes: Buffer, told: string, title: string): string {
  if (isSchema1(told)) throw schema1(title);
  const node = parseJson(bytes, { title, code: "INVALID_MANIFEST" });
  if (node.field("schemaVersion").value === 1) throw schema1(title);
  const own = node.field("mediaType").optional((type) => type.string());
  const isKnown = isManifest(told) || isIndex(told);
  if (isKnown && own !== undefined && own !== told) {
    node.field("mediaType").fail(`${told}, as the registry says`);
  }
  if (isKnown) return told;
  if (own !== undefined) return own;
  return node.field("manifests").isAbsent ? MEDIA_TYPE.ociManifest : MEDIA_TYPE.ociIndex;
}

function schema1(title: string): LayerfsError {
  return new LayerfsError("UNSUPPORTED", `${title}: it is of Docker's schema 1, which is not supported`, {
    hint: "push the image again with a Docker of 1.10 or later, which writes schema 2",
  });
}

function mismatch(title: string, expected: Digest, found: string): LayerfsError {
  return new LayerfsError(
    "DIGEST_MISMATCH",
    `${title}: manifest verification failed for digest ${expected}: its bytes have the digest ${found}`,
    { hint: "the registry, or what stands between, gives other bytes than it promises; do not trust this image" },
  );
}

function tooLarge(title: string, found: number): LayerfsError {
  return new LayerfsError(
    "LIMIT_EXCEEDED",
    `${title}: expected at most ${MAX_JSON_BYTES} bytes, found ${found} or more`,
  );
}
