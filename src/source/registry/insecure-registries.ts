import { lookup } from "node:dns/promises";
import { BlockList, isIP } from "node:net";
import { LayerfsError, printable } from "../../core/errors.ts";

/** Why a host need not prove who it is. */
export interface Insecurity {
  /** Where the host was found to lie in a network that is insecure: to be connected to there, not looked up again. */
  readonly address: string | null;
}

/** Tells whether a host, given as `HOST[:PORT]`, may be reached without a verified certificate; null: it may not. */
export type InsecureRegistries = (host: string) => Promise<Insecurity | null>;

/**
 * This machine's own addresses and what the user lists, by the rules of dockerd's `--insecure-registry`: a host with
 * its port, or a network that its address lies in. A name is looked up only where networks are listed; that it leads to
 * this machine does not count, as who answers for names could say so of any. Fails with USAGE for what is neither.
 */
export function insecureRegistries(list: readonly string[]): InsecureRegistries {
  const hosts = new Set<string>();
  const networks = new BlockList();
  let hasNetworks = false;
  for (const entry of list) {
    const text = entry.replace(/^https?:\/\//i, "").replace(/\/$/, "");
    if (addNetwork(networks, text)) hasNetworks = true;
    else if (/^(?:[A-Za-z0-9.-]+|\[[0-9a-fA-F:]+\])(?::\d{1,5})?$/.test(text)) hosts.add(text.toLowerCase());
    else throw new LayerfsError("USAGE", `insecure registry ${printable(entry)}: expected HOST[:PORT] or a CIDR`);
  }
  return async (host) => {
    const name = hostname(host);
    if (isLoopback(name) || hosts.has(host.toLowerCase())) return { address: null };
    if (!hasNetworks) return null;
    if (isIP(name) !== 0) return networks.check(name, family(name)) ? { address: null } : null;
    const address = (await addressesOf(name)).find((found) => networks.check(found, family(found)));
    return address === undefined ? null : { address };
  };
}

/** The same for a URL, whose host may be listed with the port that its protocol implies or without. */
export async function insecurityOf(
  insecure: InsecureRegistries,
  { host, port, protocol }: URL,
): Promise<Insecurity | null> {
  const found = await insecure(host);
  return found !== null || port !== "" ? found : insecure(`${host}:${protocol === "https:" ? 443 : 80}`);
}

/** `HOST` of `HOST[:PORT]`, without the brackets of an IPv6 address. */
export function hostname(host: string): string {
  return host.replace(/:\d+$/, "").replace(/^\[(.*)\]$/, "$1");
}

const loopback = new BlockList();
loopback.addSubnet("127.0.0.0", 8, "ipv4");
loopback.addAddress("::1", "ipv6");

/** Whether a host's name without its port means this machine, whoever answers for names. */
export function isLoopback(name: string): boolean {
  return name.toLowerCase() === "localhost" || (isIP(name) !== 0 && loopback.check(name, family(name)));
}

/** Whether one that is elsewhere leads to this machine, where what it cannot reach itself may listen. */
export function leadsInward(from: string, to: string): boolean {
  return isLoopback(hostname(to)) && !isLoopback(hostname(from));
}

function family(address: string): "ipv4" | "ipv6" {
  return isIP(address) === 6 ? "ipv6" : "ipv4";
}

function addNetwork(networks: BlockList, text: string): boolean {
  const match = /^([0-9a-fA-F.:]+)\/(\d{1,3})$/.exec(text);
  const version = isIP(match?.[1] ?? "");
  const bits = Number(match?.[2]);
  if (version === 0 || bits > (version === 6 ? 128 : 32)) return false;
  networks.addSubnet(match![1]!, bits, family(match![1]!));
  return true;
}

/** None for a name that is not known: the connection will fail by itself, and say why. */
async function addressesOf(name: string): Promise<string[]> {
  try {
    return (await lookup(name, { all: true })).map(({ address }) => address);
  } catch (error) {
    if (error instanceof Error && "syscall" in error) return [];
    throw error;
  }
}
