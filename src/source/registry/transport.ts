import type { LookupFunction } from "node:net";
import { isIP } from "node:net";
import { Agent, type Dispatcher, ProxyAgent } from "undici";
import { throwIfCancelled } from "../../core/cancellation.ts";
import { type Certificates, readCertificates } from "./certificates.ts";
import { connectionFailure } from "./connection-failure.ts";
import type { InsecureRegistries } from "./insecure-registries.ts";
import { proxyFor } from "./proxy.ts";
import type { ResolvedSettings } from "./settings.ts";

export type Method = "GET" | "HEAD" | "POST" | "PUT" | "PATCH" | "DELETE";

/** A request as it goes over the wire. */
export interface WireRequest {
  readonly method: Method;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: Uint8Array | AsyncIterable<Uint8Array> | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** An answer, whose body must be read to its end or given up with `discard`. */
export interface Answer {
  readonly status: number;
  /** Without user, password and fragment. */
  readonly url: URL;
  /** The first of its values, where a header comes several times. */
  header(name: string): string | undefined;
  /** All values of a header. */
  headers(name: string): string[];
  /** Fails with REGISTRY for a connection that broke off, which is a passing failure, or with CANCELLED. */
  body(): AsyncIterable<Uint8Array>;
  discard(): Promise<void>;
}

/** Connections to any number of hosts, kept for the next request. */
export interface Transport extends AsyncDisposable {
  /** Codes: REGISTRY, USAGE, CANCELLED; failures to connect are passing ones. */
  send(url: URL, request: WireRequest, purpose: Purpose): Promise<Answer>;
}

/** On whose behalf a request is made. */
export interface Purpose {
  /** `HOST[:PORT]` of the registry: other hosts that it leads to may be verified by its CA certificates too. */
  readonly host: string;
  /** For messages: `registry r.example: manifest lab/x:1`. */
  readonly title: string;
}

const CONNECT_TIMEOUT = 15_000;
/** A registry that is given a large blob may move and hash it before it answers. */
const UPLOAD_ANSWER_TIMEOUT = 10 * 60_000;

export function transport(settings: ResolvedSettings, insecure: InsecureRegistries): Transport {
  const dispatchers = new Map<string, Promise<Dispatcher>>();
  const dispatcherFor = (url: URL, host: string): Promise<Dispatcher> => {
    const key = JSON.stringify([url.protocol, url.host, url.host === host ? "" : host]);
    const known = dispatchers.get(key) ?? openDispatcher(url, host, settings, insecure);
    dispatchers.set(key, known);
    known.catch(() => dispatchers.delete(key));
    return known;
  };
  return {
    send: async (url, request, { host, title }) => {
      throwIfCancelled(request.signal);
      const dispatcher = await dispatcherFor(url, host);
      const hasBody = request.body !== undefined;
      try {
        const response = await dispatcher.request({
          origin: url.origin,
          path: url.pathname + url.search,
          method: request.method,
          headers: { "user-agent": settings.userAgent, ...request.headers },
          // undici takes every async iterable of bytes, which its type does not say
          body: (request.body ?? null) as Exclude<Dispatcher.DispatchOptions["body"], undefined>,
          signal: request.signal ?? null,
          headersTimeout: hasBody ? Math.max(UPLOAD_ANSWER_TIMEOUT, settings.stallTimeout) : settings.stallTimeout,
          bodyTimeout: settings.stallTimeout,
        });
        return answer(url, response, title, request.signal);
      } catch (error) {
        throwIfCancelled(request.signal);
        throw connectionFailure(error, url, title);
      }
    },
    [Symbol.asyncDispose]: async () => {
      const opened = await Promise.allSettled(dispatchers.values());
      await Promise.all(opened.map((one) => (one.status === "fulfilled" ? one.value.destroy() : undefined)));
    },
  };
}

async function openDispatcher(
  url: URL,
  host: string,
  settings: ResolvedSettings,
  insecure: InsecureRegistries,
): Promise<Dispatcher> {
  const insecurity = await insecure(url.host);
  const certificates = url.protocol === "https:" ? await certificatesFor(url.host, host, settings) : {};
  const proxy = proxyFor(url, settings.environment);
  const tls = { ...certificates, rejectUnauthorized: insecurity === null, timeout: CONNECT_TIMEOUT };
  if (proxy === null) {
    const address = insecurity?.address ?? null;
    // biome-ignore lint/suspicious/noExplicitAny: undici's type of `connect` wants all of node:net's options
    return new Agent({ connect: { ...tls, ...(address !== null && { lookup: only(address) }) } as any });
  }
  const proxyTls = { ...((await readCertificates(settings.certificateDirectories, proxy.host)) ?? {}) };
  // biome-ignore lint/suspicious/noExplicitAny: as above
  return new ProxyAgent({ uri: proxy.href, proxyTunnel: false, requestTls: tls as any, proxyTls: proxyTls as any });
}

/** A host's own certificates; without any the CA of the registry that led there, but never its client certificate. */
async function certificatesFor(host: string, registry: string, settings: ResolvedSettings): Promise<Certificates> {
  const own = await readCertificates(settings.certificateDirectories, host);
  if (own !== null || host === registry) return own ?? {};
  const { ca } = (await readCertificates(settings.certificateDirectories, registry)) ?? {};
  return ca === undefined ? {} : { ca };
}

/** Resolves every name to this address. */
function only(address: string): LookupFunction {
  const family = isIP(address);
  return (_name, options, done) => {
    if (options.all) done(null, [{ address, family }]);
    else done(null, address, family);
  };
}

function answer(url: URL, response: Dispatcher.ResponseData, title: string, signal: AbortSignal | undefined): Answer {
  const headers = (name: string): string[] => [response.headers[name] ?? []].flat();
  return {
    status: response.statusCode,
    url,
    headers,
    header: (name) => headers(name)[0],
    body: () => bodyOf(url, response, title, signal),
    discard: async () => {
      try {
        await response.body.dump();
      } catch (error) {
        // An answer that is not wanted may break off as it likes.
        throwIfCancelled(signal);
        if (!(error instanceof Error)) throw error;
      }
    },
  };
}

async function* bodyOf(
  url: URL,
  { body }: Dispatcher.ResponseData,
  title: string,
  signal: AbortSignal | undefined,
): AsyncGenerator<Uint8Array> {
  const chunks = body[Symbol.asyncIterator]();
  let isDone = false;
  try {
    while (true) {
      const next = await readNext(chunks, url, title, signal);
      if (next.done === true) break;
      yield next.value;
    }
    isDone = true;
  } finally {
    if (!isDone) {
      body.on("error", () => {}); // that it was not read to its end is no failure
      body.destroy();
    }
  }
}

async function readNext(
  chunks: AsyncIterator<Uint8Array>,
  url: URL,
  title: string,
  signal: AbortSignal | undefined,
): Promise<IteratorResult<Uint8Array>> {
  try {
    return await chunks.next();
  } catch (error) {
    throwIfCancelled(signal);
    throw connectionFailure(error, url, title);
  }
}
