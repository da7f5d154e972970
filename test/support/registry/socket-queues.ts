import { readFileSync } from "node:fs";

/**
 * Bytes that one end of a TCP connection on this machine has sent and the program at the other end has not read: what
 * lies in the queues of both sockets, by the kernel's own word. Bytes that are on their way may count in both.
 */
export function unreadBytes(fromPort: number, toPort: number): number {
  const [sender, receiver] = [
    [fromPort, toPort],
    [toPort, fromPort],
  ].map((ports) => queuesOf(ports as [number, number]));
  return (sender?.transmit ?? 0) + (receiver?.receive ?? 0);
}

/** Columns of /proc/net/tcp: addresses with ports, state, and the two queues' bytes, all in hexadecimal. */
const LINE = /^\s*\d+: \w+:(\w+) \w+:(\w+) \w+ (\w+):(\w+) /gm;

function queuesOf([local, remote]: readonly [number, number]): { transmit: number; receive: number } | undefined {
  const found = [...readFileSync("/proc/net/tcp", "latin1").matchAll(LINE)].find(
    ([, from = "", to = ""]) => Number.parseInt(from, 16) === local && Number.parseInt(to, 16) === remote,
  );
  if (found === undefined) return undefined;
  return { transmit: Number.parseInt(found[3]!, 16), receive: Number.parseInt(found[4]!, 16) };
}
