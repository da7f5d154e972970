import { randomUUID, sign } from "node:crypto";
import { once } from "node:events";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { text } from "node:stream/consumers";
import { makeCertificates } from "./certificates.ts";
import type { TokenTrust } from "./registry.ts";

export interface TokenServerOptions {
  /** Who may have a token for pushing, and with `private` also for pulling. Default: everybody everything. */
  readonly users?: Readonly<Record<string, string>>;
  /** Also pulling needs a user. */
  readonly private?: boolean;
  /** Refresh tokens that are taken at POST, and whose. */
  readonly refreshTokens?: readonly string[];
}

export interface TokenRequest {
  readonly method: string;
  readonly service: string | null;
  /** One for each `scope` parameter, split at spaces. */
  readonly scopes: readonly string[];
  /** Whom the credentials name; null: none were sent. */
  readonly user: string | null;
  /** Of a POST. */
  readonly grantType: string | null;
  readonly status: number;
}

/** Issues the bearer tokens that docker-registry asks for, and records who asked for what. */
export interface TokenServer extends AsyncDisposable {
  /** For `startRegistry`. */
  readonly trust: TokenTrust;
  readonly requests: readonly TokenRequest[];
  /**
   * Seconds until a token expires, as claimed in it and told to the client. The registry allows 60 s more: one of -61 s
   * is refused by it at once.
   */
  lifetime: number;
  /** Lifetimes of the next tokens, in place of `lifetime`; each is used once. */
  nextLifetimes: number[];
  /** What `expires_in` says in place of `lifetime`; null: nothing. */
  toldLifetime: number | null | undefined;
  /** Makes a token without asking, for tests that speak HTTP themselves. */
  issue(scopes: readonly string[]): string;
}

const SERVICE = "layerfs test registry";
const ISSUER = "layerfs test tokens";

/** Starts a token server on a free port of loopback. */
export async function startTokenServer(options: TokenServerOptions = {}): Promise<TokenServer> {
  const { cert, key, ca } = makeCertificates();
  const requests: TokenRequest[] = [];
  const server = createServer((request, response) => {
    answer(request, response).catch((error: unknown) => response.destroy(error as Error));
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const realm = `http://127.0.0.1:${(server.address() as AddressInfo).port}/token`;
  const tokens: TokenServer = {
    trust: { realm, service: SERVICE, issuer: ISSUER, rootCertificate: ca },
    requests,
    lifetime: 300,
    nextLifetimes: [],
    toldLifetime: undefined,
    issue: (scopes) => makeToken({ cert, key, scopes, subject: "", lifetime: tokens.lifetime }),
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      server.close();
      await once(server, "close");
    },
  };

  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(request.url ?? "", realm);
    const form = request.method === "POST" ? new URLSearchParams(await text(request)) : url.searchParams;
    const scopes = form.getAll("scope").flatMap((scope) => scope.split(" "));
    const { user, isKnown } = identify(request, form, options);
    const granted = isKnown ? scopes.flatMap((scope) => grant(scope, user, options)) : [];
    requests.push({
      method: request.method ?? "",
      service: form.get("service"),
      scopes,
      user,
      grantType: form.get("grant_type"),
      status: isKnown ? 200 : 401,
    });
    response.setHeader("Content-Type", "application/json");
    if (!isKnown) {
      response.statusCode = 401;
      response.end(JSON.stringify({ errors: [{ code: "UNAUTHORIZED", message: "incorrect username or password" }] }));
      return;
    }
    const lifetime = tokens.nextLifetimes.shift() ?? tokens.lifetime;
    const token = makeToken({ cert, key, scopes: granted, subject: user ?? "", lifetime });
    const told = tokens.toldLifetime === undefined ? lifetime : tokens.toldLifetime;
    response.end(
      JSON.stringify({
        ...(request.method === "POST" ? { access_token: token } : { token, access_token: token }),
        ...(told !== null && { expires_in: told }),
        issued_at: new Date().toISOString(),
      }),
    );
  }
  return tokens;
}

function identify(
  { headers, method }: IncomingMessage,
  form: URLSearchParams,
  { users, refreshTokens }: TokenServerOptions,
): { user: string | null; isKnown: boolean } {
  if (method === "POST" && form.get("grant_type") === "refresh_token") {
    const isKnown = refreshTokens?.includes(form.get("refresh_token") ?? "") ?? false;
    return { user: isKnown ? "refreshed" : null, isKnown };
  }
  const [user, password] =
    method === "POST" ? [form.get("username"), form.get("password")] : basicCredentials(headers.authorization);
  if (user === null || user === undefined) return { user: null, isKnown: true };
  return { user, isKnown: users === undefined || users[user] === password };
}

function basicCredentials(header: string | undefined): [string | null, string | null] {
  if (!header?.startsWith("Basic ")) return [null, null];
  const [user = "", ...password] = Buffer.from(header.slice("Basic ".length), "base64").toString().split(":");
  return [user, password.join(":")];
}

/** What of a scope its asker gets; nothing is no reason to refuse a token. */
function grant(scope: string, user: string | null, options: TokenServerOptions): string[] {
  const end = scope.lastIndexOf(":");
  const wanted = scope.slice(end + 1).split(",");
  const isAllowed = (action: string): boolean =>
    options.users === undefined || user !== null || (action === "pull" && options.private !== true);
  const actions = wanted.filter(isAllowed);
  return actions.length > 0 ? [`${scope.slice(0, end)}:${actions.join(",")}`] : [];
}

interface TokenFacts {
  readonly cert: string;
  readonly key: string;
  /** `repository:lab/a:pull,push` */
  readonly scopes: readonly string[];
  readonly subject: string;
  readonly lifetime: number;
}

/** A JSON web token as docker/distribution's `token` authentication takes it: ES256, its certificate in `x5c`. */
function makeToken({ cert, key, scopes, subject, lifetime }: TokenFacts): string {
  const now = Math.floor(Date.now() / 1000);
  const der = cert.replace(/-----[^-]+-----|\s/g, "");
  const access = scopes.map((scope) => {
    const [type = "", ...rest] = scope.split(":");
    return { type, name: rest.slice(0, -1).join(":"), actions: rest.at(-1)?.split(",") };
  });
  const header = { typ: "JWT", alg: "ES256", x5c: [der] };
  const times = { nbf: now - 120, iat: now, exp: now + lifetime };
  const claims = { iss: ISSUER, sub: subject, aud: SERVICE, ...times, jti: randomUUID(), access };
  const signed = [header, claims].map((part) => Buffer.from(JSON.stringify(part)).toString("base64url")).join(".");
  const signature = sign("sha256", Buffer.from(signed), { key, dsaEncoding: "ieee-p1363" });
  return `${signed}.${signature.toString("base64url")}`;
}
