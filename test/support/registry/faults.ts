/** What is wrong with an answer; several at once where they do not exclude each other. */
export interface Fault {
  /** Answers so, and asks no registry. */
  readonly answer?: {
    readonly status: number;
    readonly headers?: Readonly<Record<string, string>>;
    readonly body?: string;
  };
  /** Closes the connection without an answer. */
  readonly drop?: true;
  /** Sends the reader to the storage server, which is another host, for the same bytes. */
  readonly redirect?: true;
  readonly ignoreRange?: true;
  /** Replaces headers of the answer; null takes one away. */
  readonly headers?: Readonly<Record<string, string | null>>;
  /** Closes the connection in the midst after that many bytes of the body. */
  readonly cutAfter?: number;
  /** Sends no more after that many bytes of the body, and keeps the connection. */
  readonly stallAfter?: number;
  /** Ends the body in good form after that many bytes; no length is given. */
  readonly shortenTo?: number;
  /** Adds that many zeros to the body; no length is given. */
  readonly lengthenBy?: number;
  /** The length that is claimed; a body that is longer ends there, in good form. */
  readonly contentLength?: number;
  /** Flips the bits of the byte that has this offset in the whole blob. */
  readonly alterAt?: number;
  readonly bytesPerSecond?: number;
}

export interface FaultRule {
  /** "storage" is the server that redirects lead to. Default: the registry. */
  readonly host?: ProxyHost;
  readonly method?: string;
  /** A part of the path, such as a digest. */
  readonly path?: string | RegExp;
  /** Which of the requests that fit, counted from 1. Default: each. */
  readonly nth?: number | ((count: number) => boolean);
  readonly fault: Fault;
}

export type ProxyHost = "registry" | "storage";

export interface RequestFacts {
  readonly host: ProxyHost;
  readonly method: string;
  readonly path: string;
}

/** `429 Too Many Requests` and the like, as a registry words it. */
export function statusFault(status: number, code: string, headers: Readonly<Record<string, string>> = {}): Fault {
  const body = JSON.stringify({ errors: [{ code, message: `test fault ${status}` }] });
  return { answer: { status, headers: { "Content-Type": "application/json", ...headers }, body } };
}

export function htmlFault(status = 200): Fault {
  const body = "<!DOCTYPE html><html><head><title>Welcome</title></head><body>Sign in to the network</body></html>";
  return { answer: { status, headers: { "Content-Type": "text/html; charset=utf-8" }, body } };
}

/** Decides which rule meets a request: the first that fits. It counts, so each request is asked about once. */
export function faultTable(): { rules: FaultRule[]; faultOf(request: RequestFacts): Fault } {
  const counts = new Map<FaultRule, number>();
  const table = {
    rules: [] as FaultRule[],
    faultOf(request: RequestFacts): Fault {
      let found: Fault | undefined;
      for (const rule of table.rules) {
        if (!fits(rule, request)) continue;
        const count = (counts.get(rule) ?? 0) + 1;
        counts.set(rule, count);
        if (found === undefined && isTurn(rule.nth, count)) found = rule.fault;
      }
      return found ?? {};
    },
  };
  return table;
}

function fits({ host = "registry", method, path }: FaultRule, request: RequestFacts): boolean {
  if (host !== request.host || (method !== undefined && method !== request.method)) return false;
  if (path === undefined) return true;
  return typeof path === "string" ? request.path.includes(path) : path.test(request.path);
}

function isTurn(nth: FaultRule["nth"], count: number): boolean {
  if (nth === undefined) return true;
  return typeof nth === "number" ? nth === count : nth(count);
}
