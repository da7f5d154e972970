import { credentialHelper } from "./credential-helper.ts";
import type { Credentials } from "./credentials.ts";
import {
  type DockerConfig,
  helperFor,
  listedCredentials,
  listedRegistries,
  readDockerConfig,
  writeListed,
} from "./docker-config.ts";
import type { ResolvedSettings } from "./settings.ts";

type StoreSettings = Pick<ResolvedSettings, "dockerConfigDirectory" | "environment">;

/** Where credentials were put: in Docker's config.json as they are, or with a helper. */
export type CredentialPlace = { readonly file: string } | { readonly helper: string };

/** The name under which Docker keeps the credentials of Docker Hub. */
const DOCKER_HUB_KEY = "https://index.docker.io/v1/";
const DOCKER_HUB_NAMES: ReadonlySet<string> = new Set(["docker.io", "index.docker.io", "registry-1.docker.io"]);

/** The name of a registry in Docker's configuration: `HOST[:PORT]`, but for Docker Hub. */
export function registryKey(domain: string): string {
  return DOCKER_HUB_NAMES.has(domain) ? DOCKER_HUB_KEY : domain;
}

/** The `HOST[:PORT]` that a name in Docker's configuration is for: `https://r.example/v1/` is for `r.example`. */
export function registryOfKey(key: string): string {
  const host = key.replace(/^https?:\/\//, "").split("/", 1)[0]!;
  return DOCKER_HUB_NAMES.has(host) ? "docker.io" : host;
}

/** The credentials for a registry, `docker.io` or `HOST[:PORT]`; null: none. Codes: INVALID_CONFIG, PERMISSION, SYSTEM. */
export async function findCredentials(settings: StoreSettings, domain: string): Promise<Credentials | null> {
  const config = await readDockerConfig(settings.dockerConfigDirectory);
  const names = namesOf(config, domain);
  const helper = helperFor(config, names);
  if (helper === null) return listedCredentials(config, names);
  return credentialHelper(helper, settings.environment).get(registryKey(domain));
}

/** Keeps credentials as `docker login` does: with the helper that is configured for the registry, else in the file. */
export async function storeCredentials(
  settings: StoreSettings,
  domain: string,
  credentials: Credentials,
): Promise<CredentialPlace> {
  const config = await readDockerConfig(settings.dockerConfigDirectory);
  const key = registryKey(domain);
  const helper = helperFor(config, namesOf(config, domain));
  if (helper !== null) {
    await credentialHelper(helper, settings.environment).store(key, credentials);
    // An empty entry says that there is something, as Docker's own `logout` looks for.
    await writeListed(config, key, {});
    return { helper: `docker-credential-${helper}` };
  }
  await writeListed(config, key, entryOf(credentials));
  return { file: config.path };
}

/** Forgets a registry's credentials as `docker logout` does; false where there were none. */
export async function eraseCredentials(settings: StoreSettings, domain: string): Promise<boolean> {
  let config = await readDockerConfig(settings.dockerConfigDirectory);
  const listed = listedRegistries(config).filter((key) => registryOfKey(key) === registryOfKey(domain));
  if (listed.length === 0) return false;
  const helper = helperFor(config, namesOf(config, domain));
  for (const key of listed) {
    if (helper !== null) await credentialHelper(helper, settings.environment).erase(key);
    await writeListed(config, key, null);
    config = await readDockerConfig(settings.dockerConfigDirectory);
  }
  return true;
}

/** Docker's own name first, then whatever else in the file is for the same host. */
function namesOf(config: DockerConfig, domain: string): string[] {
  const host = registryOfKey(domain);
  const others = listedRegistries(config).filter((key) => registryOfKey(key) === host);
  return [...new Set([registryKey(domain), domain, ...others, ...(host === "docker.io" ? DOCKER_HUB_NAMES : [])])];
}

function entryOf(credentials: Credentials): Readonly<Record<string, string>> {
  const pack = (username: string, password: string): string =>
    Buffer.from(`${username}:${password}`).toString("base64");
  switch (credentials.kind) {
    case "password":
      return { auth: pack(credentials.username, credentials.password) };
    case "identity":
      return { auth: pack(credentials.username, ""), identitytoken: credentials.token };
    case "registry":
      return { registrytoken: credentials.token };
  }
}
