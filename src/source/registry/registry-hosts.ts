import { LayerfsError, printable } from "../../core/errors.ts";
import { type Authorizer, authorizer } from "./authorizer.ts";
import { findCredentials } from "./credential-store.ts";
import type { Credentials } from "./credentials.ts";
import { type InsecureRegistries, insecurityOf, leadsInward } from "./insecure-registries.ts";
import { type RegistryHost, registryHost } from "./registry-host.ts";
import type { ResolvedSettings } from "./settings.ts";
import type { Transport } from "./transport.ts";

/** Every registry that is talked to, each with its address, its tokens and the credentials that are kept for it. */
export interface RegistryHosts {
  /** `docker.io` or `HOST[:PORT]`. */
  registry(domain: string): RegistryHost;
  /** Those to ask before a registry for what is fetched from it. */
  mirrorsOf(domain: string): RegistryHost[];
  /** A registry that is shown these credentials in place of what is kept, and asked for a refresh token if `offline`. */
  shown(domain: string, credentials: Credentials, offline: boolean): { host: RegistryHost; authorizer: Authorizer };
}

/** Fails with USAGE for a mirror that is no URL. */
export function registryHosts(
  settings: ResolvedSettings,
  wire: Transport,
  insecure: InsecureRegistries,
): RegistryHosts {
  const hosts = new Map<string, RegistryHost>();
  const mirrors = settings.mirrors.map(parseMirror);
  const isInsecure = async (url: URL): Promise<boolean> => (await insecurityOf(insecure, url)) !== null;
  const make = (address: Address, credentials: () => Promise<Credentials | null>, offline: boolean) => {
    const { name, host } = address;
    const isTrusted = async (url: URL): Promise<boolean> =>
      url.protocol === "https:" ||
      (url.protocol === "http:" && !leadsInward(host, url.host) && (await isInsecure(url)));
    const proof = authorizer({
      registry: name,
      credentials,
      offline,
      isTrusted,
      send: (url, request) => wire.send(url, request, { host, title: `registry ${name}` }),
    });
    const bases = (): Promise<URL[]> => address.bases(isInsecure);
    return { host: registryHost({ name, bases, transport: wire, isInsecure, authorizer: proof }), authorizer: proof };
  };
  const known = (address: Address, domain: string): RegistryHost => {
    const host = hosts.get(address.name) ?? make(address, () => findCredentials(settings, domain), false).host;
    hosts.set(address.name, host);
    return host;
  };
  return {
    registry: (domain) => known(addressOf(domain), domain),
    mirrorsOf: (domain) => (domain === DOCKER_HUB ? mirrors.map((url) => known(mirrorAddress(url), url.host)) : []),
    shown: (domain, credentials, offline) => make(addressOf(domain), async () => credentials, offline),
  };
}

/** Where a registry lies. */
interface Address {
  /** For messages. */
  readonly name: string;
  /** `HOST[:PORT]`. */
  readonly host: string;
  /** What is tried in this order until one answers. */
  bases(isInsecure: (url: URL) => Promise<boolean>): Promise<URL[]>;
}

const DOCKER_HUB = "docker.io";
const DOCKER_HUB_HOST = "registry-1.docker.io";

function addressOf(domain: string): Address {
  const host = domain === DOCKER_HUB ? DOCKER_HUB_HOST : domain;
  const https = new URL(`https://${host}/`);
  return {
    name: domain,
    host,
    bases: async (isInsecure) => ((await isInsecure(https)) ? [https, new URL(`http://${host}/`)] : [https]),
  };
}

function mirrorAddress(url: URL): Address {
  return {
    name: url.href,
    host: url.host,
    bases: async (isInsecure) => {
      if (url.protocol === "https:" || (await isInsecure(url))) return [url];
      throw new LayerfsError("USAGE", `registry mirror ${printable(url.href)}: plain http goes to this machine only`, {
        hint: `if that mirror may be trusted without TLS: --insecure-registry ${printable(url.host)}`,
      });
    },
  };
}

function parseMirror(text: string): URL {
  const url = URL.canParse(text) ? new URL(text) : null;
  const isBare = url !== null && [url.username, url.password, url.search, url.hash].every((part) => part === "");
  if (isBare && /^https?:$/.test(url.protocol)) {
    if (!url.pathname.endsWith("/")) url.pathname += "/";
    return url;
  }
  throw new LayerfsError(
    "USAGE",
    `registry mirror ${printable(withoutUser(text).slice(0, 200))}: expected a URL such as https://mirror.example`,
  );
}

/** A user stands with a password, which is not told. */
function withoutUser(text: string): string {
  return text.replace(/^([a-z][a-z0-9+.-]*:\/\/)?.*@/is, "$1…@");
}
