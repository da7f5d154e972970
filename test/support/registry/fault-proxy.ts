import { randomUUID } from "node:crypto";
import { once } from "node:events";
import {
  Agent,
  createServer,
  request as httpRequest,
  type IncomingHttpHeaders,
  type IncomingMessage,
  type OutgoingHttpHeaders,
  type Server,
  type ServerResponse,
} from "node:http";
import type { AddressInfo } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { type Fault, type FaultRule, faultTable, type ProxyHost } from "./faults.ts";
import { passOn } from "./faulty-body.ts";
import type { TestRegistry } from "./registry.ts";
import { unreadBytes } from "./socket-queues.ts";

/** One request as the proxy saw it. */
export interface ProxyRequest {
  readonly host: ProxyHost;
  readonly method: string;
  /** Without the query. */
  readonly path: string;
  /** The `Range` header, or null. */
  readonly range: string | null;
  readonly headers: IncomingHttpHeaders;
  /** 0 while nothing was answered, and where the connection was closed instead. */
  readonly status: number;
  /** Bytes of the body that the kernel took, up to now. */
  readonly sent: number;
  /** Bytes of them that lie in the socket buffers at this moment, as the client has not read them. */
  unread(): number;
  /** Nothing more will be sent. */
  readonly isOver: boolean;
}

/** Stands before a registry, spoils its answers as told, and remembers every request. Speaks plain HTTP. */
export interface FaultProxy extends AsyncDisposable {
  /** As it stands in a reference: `127.0.0.1:PORT`. */
  readonly host: string;
  readonly url: string;
  /** May be changed at any time; the first that fits decides. A rule counts as long as it is this very object. */
  rules: FaultRule[];
  /** All since the start, or since `forget`, in order. */
  readonly requests: readonly ProxyRequest[];
  forget(): void;
  /** Bytes of a blob that GETs of either host were sent. */
  bytesOf(digest: string): number;
  /** GETs of a blob that were answered with it or a part of it. */
  downloadsOf(digest: string): readonly ProxyRequest[];
  /** Resolves when no request is under way. */
  idle(): Promise<void>;
}

/** The other host's address: loopback, but not the registry's. */
const STORAGE_ADDRESS = "127.0.0.2";

export async function startFaultProxy(upstream: Pick<TestRegistry, "url">): Promise<FaultProxy> {
  const agent = new Agent({ keepAlive: true });
  const table = faultTable();
  const requests: Writable<ProxyRequest>[] = [];
  /** What a link to the storage server stands for. */
  const links = new Map<string, OutgoingHttpHeaders>();
  const handle = (host: ProxyHost) => (request: IncomingMessage, response: ServerResponse) => {
    const path = new URL(request.url ?? "", "http://proxy").pathname;
    const { method = "", headers } = request;
    const range = headers.range ?? null;
    const { localPort = 0, remotePort = 0 } = request.socket;
    const unread = (): number => unreadBytes(localPort, remotePort);
    const record = { host, method, path, range, headers, status: 0, sent: 0, isOver: false, unread };
    requests.push(record);
    response.once("close", () => {
      record.isOver = true;
    });
    answer(record, request, response, table.faultOf(record)).catch(() => response.destroy());
  };
  const registry = await listen(createServer(handle("registry")), "127.0.0.1");
  const storage = await listen(createServer(handle("storage")), STORAGE_ADDRESS);

  async function answer(
    record: Writable<ProxyRequest>,
    request: IncomingMessage,
    response: ServerResponse,
    fault: Fault,
  ): Promise<void> {
    if (fault.drop) {
      response.destroy();
      return;
    }
    const made = fault.redirect ? redirection(request) : fault.answer;
    if (made !== undefined) {
      request.resume();
      record.status = made.status;
      response.writeHead(made.status, made.headers).end(made.body);
      return;
    }
    const isStorage = record.host === "storage";
    const headers = isStorage ? storageHeaders(request) : { ...request.headers };
    if (headers === null) {
      record.status = 403;
      response.writeHead(403).end();
      return;
    }
    if (fault.ignoreRange) delete headers.range;
    const target = new URL(isStorage ? record.path : (request.url ?? ""), upstream.url);
    const asked = httpRequest(target, { method: request.method, headers, agent });
    // An upload that breaks off at this side breaks off at the other too.
    request.once("close", () => !request.complete && asked.destroy());
    request.pipe(asked);
    const [answered] = (await once(asked, "response")) as [IncomingMessage];
    record.status = answered.statusCode ?? 0;
    await passOn(answered, response, fault, (bytes) => {
      record.sent += bytes;
    });
  }

  /** The link carries a secret, as those of object stores do, and the storage server wants no other authorization. */
  function redirection({ url, headers }: IncomingMessage): NonNullable<Fault["answer"]> {
    const secret = randomUUID();
    links.set(secret, { ...(headers.authorization && { authorization: headers.authorization }) });
    const location = new URL(url ?? "", storage.url);
    location.searchParams.set("signature", secret);
    return { status: 307, headers: { Location: location.href } };
  }

  function storageHeaders({ url, headers }: IncomingMessage): OutgoingHttpHeaders | null {
    const link = links.get(new URL(url ?? "", storage.url).searchParams.get("signature") ?? "");
    return link ? { ...(headers.range && { range: headers.range }), ...link } : null;
  }

  const downloadsOf = (digest: string): ProxyRequest[] =>
    requests.filter(
      ({ method, path, status }) =>
        method === "GET" && path.endsWith(`/blobs/${digest}`) && [200, 206].includes(status),
    );
  return {
    host: registry.host,
    url: registry.url,
    get rules() {
      return table.rules;
    },
    set rules(rules) {
      table.rules = rules;
    },
    requests,
    forget: () => void requests.splice(0),
    downloadsOf,
    bytesOf: (digest) => downloadsOf(digest).reduce((sum, { sent }) => sum + sent, 0),
    async idle() {
      while (requests.some(({ isOver }) => !isOver)) await sleep(5);
    },
    async [Symbol.asyncDispose]() {
      await Promise.all([registry.close(), storage.close()]);
      agent.destroy();
    },
  };
}

type Writable<T> = { -readonly [K in keyof T]: T[K] };

async function listen(server: Server, address: string): Promise<{ host: string; url: string; close(): Promise<void> }> {
  server.listen(0, address);
  await once(server, "listening");
  const host = `${address}:${(server.address() as AddressInfo).port}`;
  const close = async (): Promise<void> => {
    server.close();
    server.closeAllConnections();
    await once(server, "close");
  };
  return { host, url: `http://${host}`, close };
}
