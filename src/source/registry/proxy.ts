import { BlockList, isIP } from "node:net";
import { LayerfsError } from "../../core/errors.ts";
import { isLoopback } from "./insecure-registries.ts";

type Environment = Readonly<Record<string, string | undefined>>;

/**
 * The proxy for a URL by HTTP_PROXY, HTTPS_PROXY and NO_PROXY, in capitals or not, by Go's rules
 * (golang.org/x/net/http/httpproxy); null for a direct connection, which this machine itself always gets. Fails with
 * USAGE for a proxy that is no URL; the message does not show it, as it may hold a password.
 */
export function proxyFor(url: URL, environment: Environment): URL | null {
  const host = url.hostname.replace(/^\[(.*)\]$/, "$1").toLowerCase();
  if (isLoopback(host)) return null;
  const name = url.protocol === "https:" ? "HTTPS_PROXY" : "HTTP_PROXY";
  const text = environment[name] || environment[name.toLowerCase()];
  if (!text || isExcepted(host, portOf(url), environment.NO_PROXY || environment.no_proxy || "")) return null;
  const proxy = URL.canParse(text) && /^[a-z0-9]+:\/\//i.test(text) ? new URL(text) : tryHost(text);
  if (proxy !== null && (proxy.protocol === "http:" || proxy.protocol === "https:")) return proxy;
  throw new LayerfsError("USAGE", `${name}: expected the URL of a proxy, such as http://proxy.example:3128`);
}

function tryHost(text: string): URL | null {
  return URL.canParse(`http://${text}`) ? new URL(`http://${text}`) : null;
}

function portOf({ protocol, port }: URL): string {
  return port || (protocol === "https:" ? "443" : "80");
}

function isExcepted(host: string, port: string, list: string): boolean {
  return list.split(/[\s,]+/).some((entry) => entry !== "" && matches(entry.toLowerCase(), host, port));
}

/** `*`, an address, a network, `example.com` (with all below it) or `.example.com` (only what is below), each with or without a port. */
function matches(entry: string, host: string, port: string): boolean {
  if (entry === "*") return true;
  const network = /^([0-9a-f.:]+)\/(\d{1,3})$/.exec(entry);
  if (network !== null) return lies(host, network[1]!, Number(network[2]));
  const [, name = "", wantedPort] = /^(\[.*\]|[^:]*|[0-9a-f:]+:[0-9a-f:]+?)(?::(\d+))?$/.exec(entry) ?? [];
  if (wantedPort !== undefined && wantedPort !== port) return false;
  const plain = name.replace(/^\[(.*)\]$/, "$1").replace(/^\*\./, ".");
  if (plain === "") return false;
  return plain.startsWith(".") ? host.endsWith(plain) : host === plain || host.endsWith(`.${plain}`);
}

function lies(host: string, network: string, bits: number): boolean {
  const version = isIP(network);
  if (version === 0 || version !== isIP(host) || bits > (version === 6 ? 128 : 32)) return false;
  const list = new BlockList();
  const family = version === 6 ? "ipv6" : "ipv4";
  list.addSubnet(network, bits, family);
  return list.check(host, family);
}
