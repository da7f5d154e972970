import { LayerfsError } from "../../core/errors.ts";
import { type CredentialPlace, eraseCredentials, findCredentials, storeCredentials } from "./credential-store.ts";
import type { PasswordCredentials } from "./credentials.ts";
import { fetchManifest } from "./fetch-manifest.ts";
import { insecureRegistries } from "./insecure-registries.ts";
import { listTags } from "./list-tags.ts";
import { verifyCredentials } from "./login.ts";
import { openBlob } from "./open-blob.ts";
import { putManifest } from "./put-manifest.ts";
import { type RegistryHosts, registryHosts } from "./registry-hosts.ts";
import type { Repository, RequestOptions } from "./repository.ts";
import { type RegistrySettings, type ResolvedSettings, resolveSettings } from "./settings.ts";
import { has, statBlob } from "./stat.ts";
import { transport } from "./transport.ts";
import { mountBlob, uploadBlob } from "./upload-blob.ts";

/** Any number of repositories of any registries, over one set of connections and tokens. */
export interface RegistryClient extends AsyncDisposable {
  repository(name: Repository["name"]): Repository;
  /**
   * Asks a registry, `docker.io` or `HOST[:PORT]`, whether it takes credentials, and keeps them then as Docker does. Null
   * stands for those that are kept already: they are verified. Codes: UNAUTHORIZED, NOT_FOUND (none are kept), REGISTRY, RATE_LIMITED, CANCELLED,
   * INVALID_CONFIG, PERMISSION, SYSTEM.
   */
  login(domain: string, credentials: PasswordCredentials | null, options: RequestOptions): Promise<Login>;
  /** Forgets what is kept for a registry; false where that was nothing. */
  logout(domain: string): Promise<boolean>;
}

/** Who is known to the registry, and where that was kept; null: it is kept already. */
export interface Login {
  readonly username: string;
  readonly place: CredentialPlace | null;
}

/** Nothing is connected to before the first request. Fails with USAGE for settings that cannot be understood. */
export function registryClient(given: RegistrySettings = {}): RegistryClient {
  const settings = resolveSettings(given);
  const insecure = insecureRegistries(settings.insecureRegistries);
  const wire = transport(settings, insecure);
  const hosts = registryHosts(settings, wire, insecure);
  return {
    repository: (name) => openRepository(name, hosts, settings),
    login: async (domain, credentials, options) => {
      const shown = credentials ?? (await findCredentials(settings, domain));
      if (shown === null) throw nothingKept(domain);
      const { host, authorizer } = hosts.shown(domain, shown, credentials !== null);
      const proved = await verifyCredentials(host, authorizer, shown, settings.retry, options);
      const place = credentials === null ? null : await storeCredentials(settings, domain, proved);
      return { username: shown.kind === "registry" ? "" : shown.username, place };
    },
    logout: (domain) => eraseCredentials(settings, domain),
    [Symbol.asyncDispose]: () => wire[Symbol.asyncDispose](),
  };
}

function openRepository(
  { domain, path }: Repository["name"],
  hosts: RegistryHosts,
  { retry, uploadChunkSize }: ResolvedSettings,
): Repository {
  const place = { origin: hosts.registry(domain), mirrors: hosts.mirrorsOf(domain), path, retry, uploadChunkSize };
  return {
    name: { domain, path },
    fetchManifest: (tagOrDigest, options) => fetchManifest(place, tagOrDigest, options),
    openBlob: (blob, options) => openBlob(place, blob, options),
    hasManifest: (digest, options) => has(place, "manifests", digest, options),
    hasBlob: (digest, options) => has(place, "blobs", digest, options),
    statBlob: (digest, options) => statBlob(place, digest, options),
    listTags: (options) => listTags(place, options),
    mountBlob: (digest, from, options) => mountBlob(place, digest, from, options),
    uploadBlob: (blob, bytes, options) => uploadBlob(place, blob, bytes, options),
    putManifest: (manifest, tag, options) => putManifest(place, manifest, tag, options),
  };
}

function nothingKept(domain: string): LayerfsError {
  return new LayerfsError("NOT_FOUND", `registry ${domain}: no credentials are kept for it`);
}
