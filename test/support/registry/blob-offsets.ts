import type { FaultProxy, ProxyRequest } from "./fault-proxy.ts";

/** Where in each blob a client has come to, and then where it goes on: by the proxy's record, not by what it says. */
export interface BlobOffsets {
  /** To be called while the client is stopped, so that it reads no more. */
  note(): void;
  /** Bytes of each blob that the proxy has been asked for again since it was told to forget. */
  fetchedAgain(): readonly number[];
}

export function blobOffsets(proxy: FaultProxy, digests: readonly string[]): BlobOffsets {
  const reached = new Map<string, number>();
  return {
    note() {
      for (const digest of digests) {
        const last = proxy.downloadsOf(digest).at(-1);
        if (last !== undefined) reached.set(digest, startOf(last) + last.sent - (last.isOver ? 0 : last.unread()));
      }
    },
    fetchedAgain: () =>
      digests.map((digest) => {
        const [first] = proxy.downloadsOf(digest);
        return first === undefined ? 0 : Math.max(0, (reached.get(digest) ?? 0) - startOf(first));
      }),
  };
}

function startOf({ range }: ProxyRequest): number {
  return Number(/^bytes=(\d+)-/.exec(range ?? "")?.[1] ?? 0);
}
