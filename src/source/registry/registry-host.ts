import { orCancelled } from "../../core/cancellation.ts";
import { LayerfsError, printable } from "../../core/errors.ts";
import type { Authorizer } from "./authorizer.ts";
import { leadsInward } from "./insecure-registries.ts";
import { refusal } from "./refusal.ts";
import type { Answer, Method, Transport, WireRequest } from "./transport.ts";

/** A request to a registry. */
export interface HostRequest {
  readonly method: Method;
  /** Below `/v2/`; or whole, as the registry gave it. */
  readonly to: string | URL;
  readonly headers?: Readonly<Record<string, string>> | undefined;
  /** Called each time that the request is sent. */
  readonly body?: (() => Uint8Array | AsyncIterable<Uint8Array>) | undefined;
  /** What must be allowed for it, such as `repository:library/nginx:pull`. */
  readonly scopes: readonly string[];
  /** The statuses that answer it; any other is a failure. */
  readonly accept: readonly number[];
  /** What is asked for, for messages: `manifest lab/x:1`. */
  readonly object: string;
  readonly signal?: AbortSignal | undefined;
}

/** A registry at one address. */
export interface RegistryHost {
  /** As the user names it, for messages. */
  readonly name: string;
  /** Whether a URL's host may be talked to over plain http. */
  readonly isInsecure: (url: URL) => Promise<boolean>;
  /**
   * Sends a request once: credentials only to the registry's own origin, and redirects followed. Codes: UNAUTHORIZED,
   * NOT_FOUND, RATE_LIMITED, DIGEST_MISMATCH, REGISTRY, CANCELLED; those that may be gone at another attempt are
   * passing ones.
   */
  send(request: HostRequest): Promise<Answer>;
}

export interface HostOptions {
  readonly name: string;
  /** What is tried in this order until one answers at all: `https://r.example/`. */
  readonly bases: () => Promise<readonly URL[]>;
  readonly transport: Transport;
  readonly authorizer: Authorizer;
  readonly isInsecure: (url: URL) => Promise<boolean>;
}

const MAX_REDIRECTS = 10;
const REDIRECTS: ReadonlySet<number> = new Set([301, 302, 303, 307, 308]);

export function registryHost(options: HostOptions): RegistryHost {
  const { name, authorizer } = options;
  let base: Promise<URL> | null = null;
  const findBase = (): Promise<URL> => {
    base ??= firstThatAnswers(options);
    base.catch(() => {
      base = null;
    });
    return base;
  };
  return {
    name,
    isInsecure: options.isInsecure,
    send: async (request) => {
      // What many requests wait for is not ended with one of them.
      const { signal } = request;
      const origin = await orCancelled(findBase(), signal);
      const url = typeof request.to === "string" ? new URL(`v2/${request.to}`, origin) : request.to;
      const exchange = (authorization: string | null): Promise<Answer> =>
        followRedirects(options, origin, url, request, authorization);
      const sent = await orCancelled(authorizer.header(request.scopes), signal);
      let answer = await exchange(sent);
      if (answer.status === 401 && answer.url.origin === origin.origin) {
        const challenges = answer.headers("www-authenticate");
        const next = await orCancelled(authorizer.answer(challenges, request.scopes, sent), signal);
        if (next !== null) {
          await answer.discard();
          answer = await exchange(next);
        }
      }
      if (request.accept.includes(answer.status)) return answer;
      throw await refusal(answer, `registry ${name}: ${request.object}`, name);
    },
  };
}

async function firstThatAnswers({ name, bases, transport }: HostOptions): Promise<URL> {
  const found = await bases();
  for (const [index, base] of found.entries()) {
    if (index === found.length - 1) return base;
    try {
      const purpose = { host: base.host, title: `registry ${name}` };
      const answer = await transport.send(new URL("v2/", base), { method: "GET", headers: {} }, purpose);
      await answer.discard();
      return base;
    } catch (error) {
      if (!(error instanceof LayerfsError) || error.code !== "REGISTRY") throw error;
    }
  }
  throw new Error("a registry has an address");
}

async function followRedirects(
  { name, transport, isInsecure }: HostOptions,
  origin: URL,
  target: URL,
  request: HostRequest,
  authorization: string | null,
): Promise<Answer> {
  const title = `registry ${name}: ${request.object}`;
  let url = target;
  for (let redirects = 0; redirects <= MAX_REDIRECTS; redirects++) {
    const isOwn = url.origin === origin.origin;
    const wire: WireRequest = {
      method: request.method,
      headers: { ...request.headers, ...(isOwn && authorization !== null && { authorization }) },
      body: request.body?.(),
      signal: request.signal,
    };
    const answer = await transport.send(url, wire, { host: origin.host, title });
    const location = answer.header("location");
    if (!REDIRECTS.has(answer.status) || location === undefined) return answer;
    if (request.body !== undefined && answer.status < 307) return answer;
    await answer.discard();
    url = await resolveLocation(location, url, title, isInsecure);
  }
  throw new LayerfsError("REGISTRY", `${title}: more than ${MAX_REDIRECTS} redirects`);
}

/**
 * The URL of a Location header. Only its host is ever told, as the rest may hold a signature. Fails with REGISTRY for
 * what is no URL of http, leads from https to a host that must not be talked to without it, or from another machine to
 * plain http on this one.
 */
export async function resolveLocation(
  location: string,
  from: URL,
  object: string,
  isInsecure: (url: URL) => Promise<boolean>,
): Promise<URL> {
  const url = URL.canParse(location, from.href) ? new URL(location, from) : null;
  if (url === null || (url.protocol !== "https:" && url.protocol !== "http:")) {
    throw new LayerfsError("REGISTRY", `${object}: ${printable(from.host)} leads to what is no URL of http or https`);
  }
  if (url.protocol === "http:" && leadsInward(from.host, url.host)) {
    throw new LayerfsError(
      "REGISTRY",
      `${object}: ${printable(from.host)} leads to ${printable(url.host)} on this machine, which is refused`,
    );
  }
  if (url.protocol === "http:" && from.protocol === "https:" && !(await isInsecure(url))) {
    throw new LayerfsError(
      "REGISTRY",
      `${object}: ${printable(from.host)} leads from https to plain http at ${printable(url.host)}, which is refused`,
      { hint: `if that host may be trusted without TLS: --insecure-registry ${printable(url.host)}` },
    );
  }
  url.username = "";
  url.password = "";
  url.hash = "";
  return url;
}
