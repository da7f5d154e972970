import { LayerfsError, printable } from "../../core/errors.ts";
import { passing } from "./retry.ts";

/** Why a connection failed, in words, by the code of Node.js or undici. All of these may be gone at the next attempt. */
const PASSING: ReadonlyMap<string, string> = new Map([
  ["ECONNREFUSED", "refused the connection"],
  ["ECONNRESET", "reset the connection"],
  ["EPIPE", "closed the connection while it was sent to"],
  ["ETIMEDOUT", "did not react in time"],
  ["ENETUNREACH", "cannot be reached, there is no network"],
  ["EHOSTUNREACH", "cannot be reached"],
  ["EAI_AGAIN", "cannot be looked up at present"],
  ["UND_ERR_CONNECT_TIMEOUT", "did not accept the connection in time"],
  ["UND_ERR_HEADERS_TIMEOUT", "did not answer in time"],
  ["UND_ERR_BODY_TIMEOUT", "stopped sending"],
  ["UND_ERR_SOCKET", "closed the connection before the answer was complete"],
  ["UND_ERR_RES_CONTENT_LENGTH_MISMATCH", "closed the connection before the answer was complete"],
]);

const CERTIFICATE = /^(?:CERT_|ERR_TLS_CERT|UNABLE_TO_|SELF_SIGNED_|DEPTH_ZERO_|INVALID_CA|HOSTNAME_MISMATCH|CRL_)/;
const NO_TLS = /^(?:EPROTO|ERR_SSL_)/;

/** Whom was talked to. */
export interface Place {
  /** `HOST[:PORT]`. */
  readonly host: string;
  /** The proxy between, if there is one. */
  readonly proxy: string | null;
  /** What for: `registry r.example: manifest lab/x:1`. */
  readonly title: string;
}

/** The LayerfsError for what undici or Node.js threw; anything else is returned as it is. */
export function connectionFailure(error: unknown, { host, proxy, title }: Place): unknown {
  const cause = rootCause(error);
  const code = codeOf(cause);
  if (code === null) return error;
  const whom = printable(proxy === null ? host : `${host} through the proxy ${proxy}`);
  const known = PASSING.get(code);
  if (known !== undefined) {
    return passing(new LayerfsError("REGISTRY", `${title}: ${whom} ${known} (${code})`, { cause: error, errno: code }));
  }
  return new LayerfsError("REGISTRY", `${title}: ${whom} ${describe(cause, code)}`, {
    hint: hintFor(code, host),
    cause: error,
    errno: code,
  });
}

/** Where several addresses of a name were tried, the failure of the first. */
function rootCause(error: unknown): unknown {
  return error instanceof AggregateError && error.errors.length > 0 ? error.errors[0] : error;
}

function codeOf(error: unknown): string | null {
  if (!(error instanceof Error) || !("code" in error) || typeof error.code !== "string") return null;
  return error.code;
}

function describe(cause: unknown, code: string): string {
  const { message } = cause as Error;
  if (code === "ENOTFOUND") return "is no host that is known (ENOTFOUND)";
  if (CERTIFICATE.test(code)) return `has a certificate that is not trusted: ${message}`;
  if (NO_TLS.test(code)) return `does not speak TLS as expected (${code})`;
  return `cannot be talked to: ${message} (${code})`;
}

function hintFor(code: string, host: string): string | undefined {
  const name = printable(host);
  if (CERTIFICATE.test(code)) {
    return `if it is the right one, put its CA's certificate at /etc/docker/certs.d/${name}/ca.crt`;
  }
  if (NO_TLS.test(code)) return `if it speaks plain HTTP, and may be trusted without TLS: --insecure-registry ${name}`;
  return code === "ENOTFOUND" ? "is the name right, and is there a network?" : undefined;
}
