import type { Descriptor } from "../../core/descriptor.ts";
import type { Digest } from "../../core/digest.ts";
import { LayerfsError, printable } from "../../core/errors.ts";
import type { NamedReference } from "../../core/reference.ts";
import { type Authorizer, authorizer } from "./authorizer.ts";
import { type CredentialPlace, eraseCredentials, findCredentials, storeCredentials } from "./credential-store.ts";
import type { Credentials, PasswordCredentials } from "./credentials.ts";
import { fetchManifest, MANIFEST_TYPES } from "./fetch-manifest.ts";
import { insecureRegistries, insecurityOf } from "./insecure-registries.ts";
import { listTags } from "./list-tags.ts";
import { verifyCredentials } from "./login.ts";
import { openBlob } from "./open-blob.ts";
import { putManifest } from "./put-manifest.ts";
import { type RegistryHost, registryHost } from "./registry-host.ts";
import type { Repository, RequestOptions } from "./repository.ts";
import { fetching, pullScopes, type RepositoryHosts } from "./repository-hosts.ts";
import { type RegistrySettings, resolveSettings } from "./settings.ts";
import { type Answer, transport } from "./transport.ts";
import { mountBlob, uploadBlob } from "./upload-blob.ts";

/** Any number of repositories of any registries, over one set of connections and tokens. */
export interface RegistryClient extends AsyncDisposable {
  repository(name: Pick<NamedReference, "domain" | "path">): Repository;
  /**
   * Asks a registry, `docker.io` or `HOST[:PORT]`, whether it takes credentials, and keeps them then as Docker does. Null
   * stands for those that are kept already: they are verified. Codes: UNAUTHORIZED, REGISTRY, RATE_LIMITED, CANCELLED,
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

const DOCKER_HUB = "docker.io";
const DOCKER_HUB_HOST = "registry-1.docker.io";

/** Nothing is connected to before the first request. Fails with USAGE for settings that cannot be understood. */
export function registryClient(given: RegistrySettings = {}): RegistryClient {
  const settings = resolveSettings(given);
  const insecure = insecureRegistries(settings.insecureRegistries);
  const wire = transport(settings, insecure);
  const hosts = new Map<string, RegistryHost>();
  const isInsecure = async (url: URL): Promise<boolean> => (await insecurityOf(insecure, url)) !== null;

  const isTrusted = async (url: URL): Promise<boolean> =>
    url.protocol === "https:" || (url.protocol === "http:" && (await isInsecure(url)));
  const makeAuthorizer = (
    name: string,
    host: string,
    from: () => Promise<Credentials | null>,
    offline: boolean,
  ): Authorizer =>
    authorizer({
      registry: name,
      credentials: from,
      offline,
      isTrusted,
      send: (url, request) => wire.send(url, request, { host, title: `registry ${name}` }),
    });
  const makeHost = (name: string, bases: () => Promise<URL[]>, proof: Authorizer): RegistryHost =>
    registryHost({ name, bases, transport: wire, isInsecure, authorizer: proof });
  const basesOf = async (domain: string): Promise<URL[]> => {
    const host = hostOf(domain);
    const https = new URL(`https://${host}/`);
    return (await isInsecure(https)) ? [https, new URL(`http://${host}/`)] : [https];
  };
  const known = (name: string, make: () => RegistryHost): RegistryHost => {
    const host = hosts.get(name) ?? make();
    hosts.set(name, host);
    return host;
  };
  const registry = (domain: string): RegistryHost =>
    known(domain, () => {
      const proof = makeAuthorizer(domain, hostOf(domain), () => findCredentials(settings, domain), false);
      return makeHost(domain, () => basesOf(domain), proof);
    });
  const mirror = (url: URL): RegistryHost =>
    known(url.href, () => {
      const proof = makeAuthorizer(url.href, url.host, () => findCredentials(settings, url.host), false);
      return makeHost(url.href, async () => [url], proof);
    });
  const mirrors = settings.mirrors.map(parseMirror);
  return {
    repository: ({ domain, path }) => {
      const repository: RepositoryHosts = {
        origin: registry(domain),
        mirrors: domain === DOCKER_HUB ? mirrors.map(mirror) : [],
        path,
        retry: settings.retry,
        uploadChunkSize: settings.uploadChunkSize,
      };
      return {
        name: { domain, path },
        fetchManifest: (tagOrDigest, options) => fetchManifest(repository, tagOrDigest, options),
        openBlob: (blob, options) => openBlob(repository, blob, options),
        hasManifest: (digest, options) => has(repository, "manifests", digest, options),
        hasBlob: (digest, options) => has(repository, "blobs", digest, options),
        statBlob: (digest, options) => statBlob(repository, digest, options),
        listTags: (options) => listTags(repository, options),
        mountBlob: (digest, from, options) => mountBlob(repository, digest, from, options),
        uploadBlob: (blob, bytes, options) => uploadBlob(repository, blob, bytes, options),
        putManifest: (manifest, tag, options) => putManifest(repository, manifest, tag, options),
      };
    },
    login: async (domain, given, options) => {
      const credentials = given ?? (await findCredentials(settings, domain));
      if (credentials === null) throw nothingKept(domain);
      const proof = makeAuthorizer(domain, hostOf(domain), async () => credentials, given !== null);
      const host = makeHost(domain, () => basesOf(domain), proof);
      const proved = await verifyCredentials(host, proof, credentials, settings.retry, options);
      const place = given === null ? null : await storeCredentials(settings, domain, proved);
      return { username: credentials.kind === "registry" ? "" : credentials.username, place };
    },
    logout: (domain) => eraseCredentials(settings, domain),
    [Symbol.asyncDispose]: () => wire[Symbol.asyncDispose](),
  };
}

/** Where a registry lies, `HOST[:PORT]`. */
function hostOf(domain: string): string {
  return domain === DOCKER_HUB ? DOCKER_HUB_HOST : domain;
}

function nothingKept(domain: string): LayerfsError {
  return new LayerfsError("UNAUTHORIZED", `registry ${domain}: no credentials are kept for it`);
}

async function has(...parameters: Parameters<typeof head>): Promise<boolean> {
  return (await head(...parameters)) !== null;
}

async function statBlob(
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

function parseMirror(text: string): URL {
  const url = URL.canParse(text) ? new URL(text) : null;
  if (url !== null && /^https?:$/.test(url.protocol) && url.username === "" && url.search === "" && url.hash === "") {
    if (!url.pathname.endsWith("/")) url.pathname += "/";
    return url;
  }
  throw new LayerfsError(
    "USAGE",
    `registry mirror ${printable(text.slice(0, 200))}: expected a URL such as https://mirror.example`,
  );
}
