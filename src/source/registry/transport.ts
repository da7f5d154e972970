import type { LookupFunction } from "node:net";
import { isIP } from "node:net";
import { createSecureContext, type SecureContext } from "node:tls";
import type { Dispatcher, ProxyAgent as ProxyOptions } from "undici";
// The parts alone: undici's own entry takes 12 MB more memory. Proxies need all of it.
import sendRequest from "undici/lib/api/api-request.js";
import Agent from "undici/lib/dispatcher/agent.js";
import { throwIfCancelled } from "../../core/cancellation.ts";
import { LayerfsError, printable } from "../../core/errors.ts";
import { type Certificates, readCertificates, readRootCertificates } from "./certificates.ts";
import { connectionFailure, type Place } from "./connection-failure.ts";
import { type InsecureRegistries, insecurityOf } from "./insecure-registries.ts";
import { proxyFor } from "./proxy.ts";
import type { ResolvedSettings } from "./settings.ts";
import { watchedBody } from "./watched-body.ts";

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

/** The CAs for every host, read once. */
type Roots = () => Promise<readonly (string | Buffer)[]>;

const CONNECT_TIMEOUT = 15_000;
/** A registry that is given a large blob may move and hash it before it answers. */
const UPLOAD_ANSWER_TIMEOUT = 10 * 60_000;

export function transport(settings: ResolvedSettings, insecure: InsecureRegistries): Transport {
  const dispatchers = new Map<string, Promise<Dispatcher>>();
  let rootCertificates: ReturnType<Roots> | null = null;
  const roots: Roots = () => {
    rootCertificates ??= readRootCertificates(settings.environment);
    return rootCertificates;
  };
  const dispatcherFor = (url: URL, host: string): Promise<Dispatcher> => {
    const key = JSON.stringify([url.protocol, url.host, url.host === host ? "" : host]);
    const known = dispatchers.get(key) ?? openDispatcher(url, host, settings, insecure, roots);
    dispatchers.set(key, known);
    known.catch(() => dispatchers.delete(key));
    return known;
  };
  return {
    send: async (url, request, { host, title }) => {
      throwIfCancelled(request.signal);
      const dispatcher = await dispatcherFor(url, host);
      const place = { host: url.host, proxy: proxyFor(url, settings.environment)?.host ?? null, title };
      const body = request.body === undefined ? null : watchedBody(request.body, settings.stallTimeout);
      try {
        const response = await sendRequest.call(dispatcher, {
          origin: url.origin,
          path: url.pathname + url.search,
          method: request.method,
          headers: { "user-agent": settings.userAgent, ...request.headers },
          // undici takes every async iterable of bytes, which its type does not say
          body: (body?.bytes ?? null) as Exclude<Dispatcher.DispatchOptions["body"], undefined>,
          signal: anyOf(request.signal, body?.stalled),
          headersTimeout:
            body === null ? settings.stallTimeout : Math.max(UPLOAD_ANSWER_TIMEOUT, settings.stallTimeout),
          bodyTimeout: settings.stallTimeout,
        });
        return answer(url, response, place, request.signal);
      } catch (error) {
        throwIfCancelled(request.signal);
        if (body?.failure !== undefined) throw body.failure;
        throw connectionFailure(body?.stalled.aborted ? body.stalled.reason : error, place);
      } finally {
        body?.end();
      }
    },
    [Symbol.asyncDispose]: async () => {
      const opened = await Promise.allSettled(dispatchers.values());
      await Promise.all(opened.map((one) => (one.status === "fulfilled" ? one.value.destroy() : undefined)));
    },
  };
}

function anyOf(...signals: readonly (AbortSignal | undefined)[]): AbortSignal | null {
  const given = signals.filter((signal) => signal !== undefined);
  return given.length > 1 ? AbortSignal.any(given) : (given[0] ?? null);
}

async function openDispatcher(
  url: URL,
  host: string,
  settings: ResolvedSettings,
  insecure: InsecureRegistries,
  roots: Roots,
): Promise<Dispatcher> {
  const insecurity = await insecurityOf(insecure, url);
  // Its name may lead elsewhere by now than when plain http was chosen for it.
  if (url.protocol === "http:" && url.host === host && insecurity === null) throw secured(host);
  const proxy = proxyFor(url, settings.environment);
  const isTLS = url.protocol === "https:";
  const tls: TlsOptions = {
    rejectUnauthorized: insecurity === null,
    timeout: CONNECT_TIMEOUT,
    ...(isTLS && { secureContext: await contextFor(await certificatesFor(url.host, host, settings), roots) }),
  };
  if (proxy === null) {
    const address = insecurity?.address ?? null;
    return new Agent({ connect: { ...tls, ...(address !== null && { lookup: only(address) }) } });
  }
  const own = (await readCertificates(settings.certificateDirectories, proxy.host)) ?? {};
  const { ProxyAgent } = await import("undici");
  const proxyTls = proxy.protocol === "https:" ? { secureContext: await contextFor(own, roots) } : {};
  // undici's types want all that node:net could be told.
  const options = { requestTls: tls, proxyTls } as Pick<ProxyOptions.Options, "requestTls" | "proxyTls">;
  return new ProxyAgent({ ...options, uri: proxy.href, proxyTunnel: false });
}

function secured(host: string): LayerfsError {
  const problem = "its address is in no network that is insecure, and plain http to it is refused";
  return new LayerfsError("REGISTRY", `registry ${printable(host)}: ${problem}`);
}

interface TlsOptions {
  readonly rejectUnauthorized: boolean;
  readonly timeout: number;
  readonly secureContext?: SecureContext;
}

/** Made once for all connections to a host, as reading hundreds of CAs takes its time. */
async function contextFor({ ca, cert, key }: Certificates, roots: Roots): Promise<SecureContext> {
  const trusted = [...(await roots()), ...(ca ?? [])];
  return createSecureContext({ ca: trusted, ...(cert && key && { cert: [...cert], key: [...key] }) });
}

/** A host's own certificates; without any the CA of the registry that led there, but never its client certificate. */
async function certificatesFor(
  host: string,
  registry: string,
  { certificateDirectories }: ResolvedSettings,
): Promise<Certificates> {
  // A URL does not show the port 443, which the registry's name may have.
  const read = async (name: string): Promise<Certificates | null> =>
    (await readCertificates(certificateDirectories, name)) ??
    (/:\d+$/.test(name) ? null : readCertificates(certificateDirectories, `${name}:443`));
  const own = await read(host);
  if (own !== null || host === registry) return own ?? {};
  const { ca } = (await read(registry)) ?? {};
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

function answer(url: URL, response: Dispatcher.ResponseData, place: Place, signal: AbortSignal | undefined): Answer {
  const headers = (name: string): string[] => [response.headers[name] ?? []].flat();
  return {
    status: response.statusCode,
    url,
    headers,
    header: (name) => headers(name)[0],
    body: () => bodyOf(response, place, signal),
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
  { body }: Dispatcher.ResponseData,
  place: Place,
  signal: AbortSignal | undefined,
): AsyncGenerator<Uint8Array> {
  const chunks = body[Symbol.asyncIterator]();
  let isDone = false;
  try {
    while (true) {
      const next = await readNext(chunks, place, signal);
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
  place: Place,
  signal: AbortSignal | undefined,
): Promise<IteratorResult<Uint8Array>> {
  try {
    return await chunks.next();
  } catch (error) {
    throwIfCancelled(signal);
    throw connectionFailure(error, place);
  }
}
