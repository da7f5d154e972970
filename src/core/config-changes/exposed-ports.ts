import { printable } from "../errors.ts";
import { invalidChange } from "./instruction.ts";

const PROTOCOLS = ["tcp", "udp", "sctp"];
const MAX_PORT = 65535;

/**
 * The ports that `[[ADDRESS:]HOST_PORT:]PORT[-LAST][/PROTOCOL]` exposes, as a config names them: `80/tcp`. What is said of
 * the host takes no part. Fails with INVALID_CONFIG.
 */
export function parsePorts(text: string): string[] {
  const [, before = "", protocol = "tcp"] = /^(.*?)(?:\/([^/]*))?$/s.exec(text) ?? [];
  const range = before.slice(before.lastIndexOf(":") + 1);
  if (range === "") throw invalidChange(`No port specified: ${printable(text)}<empty>`);
  const [first = Number.NaN, last = first] = range.split("-").map(portNumber);
  const isRange = range.split("-").length <= 2 && first <= last;
  if (!isRange) throw invalidChange(`Invalid containerPort: ${printable(range)}`);
  if (!PROTOCOLS.includes(protocol.toLowerCase())) throw invalidChange(`Invalid proto: ${printable(protocol)}`);
  return Array.from({ length: last - first + 1 }, (_, index) => `${first + index}/${protocol.toLowerCase()}`);
}

/** NaN for what is none. */
function portNumber(text: string): number {
  const port = /^\d{1,5}$/.test(text) ? Number(text) : Number.NaN;
  return port <= MAX_PORT ? port : Number.NaN;
}
