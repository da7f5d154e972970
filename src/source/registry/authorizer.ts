import { LayerfsError, printable } from "../../core/errors.ts";
import { type Challenge, parseChallenges } from "./challenge.ts";
import { basicHeader, type Credentials } from "./credentials.ts";
import { requestToken, type Token, type TokenRealm } from "./token.ts";
import type { Answer, WireRequest } from "./transport.ts";

/** Proves to one registry who we are, as far as it asks. */
export interface Authorizer {
  /** The `Authorization` that has served before for these scopes, or that the registry's challenge asks for; null: none. */
  header(scopes: readonly string[]): Promise<string | null>;
  /**
   * What to send after an answer 401 to a request that was sent with `sent`; null where there is nothing else to offer.
   * Codes: UNAUTHORIZED, RATE_LIMITED, REGISTRY.
   */
  answer(challenges: readonly string[], scopes: readonly string[], sent: string | null): Promise<string | null>;
  /** The refresh token that the token server gave last; null: none. */
  identity(): string | null;
}

export interface AuthorizerOptions {
  /** The registry as the user names it. */
  readonly registry: string;
  /** Asked for when the registry wants to know, once. */
  readonly credentials: () => Promise<Credentials | null>;
  /** Sends a request to the token server. */
  readonly send: (url: URL, wire: WireRequest) => Promise<Answer>;
  /** Whether secrets may go to this URL: over https, or where no proof is wanted. */
  readonly isTrusted: (url: URL) => Promise<boolean>;
  /** Whether to ask for a refresh token in exchange for the password, as for `login`. */
  readonly offline?: boolean;
  readonly now?: () => number;
}

/** A token is not used in its last seconds, as it takes time to arrive. */
const MARGIN_MS = 10_000;

interface KeptToken {
  readonly token: Token;
  readonly expires: number;
}

export function authorizer(options: AuthorizerOptions): Authorizer {
  const now = options.now ?? ((): number => performance.now());
  const tokens = new Map<string, Promise<KeptToken>>();
  let realm: TokenRealm | null = null;
  let usesBasic = false;
  let credentials: Promise<Credentials | null> | null = null;
  let identity: string | null = null;

  const known = async (): Promise<Credentials | null> => {
    credentials ??= options.credentials();
    credentials.catch(() => {
      credentials = null;
    });
    const found = await credentials;
    return found?.kind === "identity" && identity !== null ? { ...found, token: identity } : found;
  };
  const fetchToken = async (from: TokenRealm, scopes: readonly string[]): Promise<KeptToken> => {
    const asked = now();
    const request = {
      realm: from,
      scopes,
      credentials: await known(),
      registry: options.registry,
      offline: options.offline,
    };
    const token = await requestToken(request, options.send);
    identity = token.identity ?? identity;
    return { token, expires: asked + token.lifetime * 1000 - MARGIN_MS };
  };
  /** Many requests for one scope at once are one request for a token. */
  const tokenFor = async (from: TokenRealm, scopes: readonly string[]): Promise<KeptToken> => {
    const key = JSON.stringify([from.url.href, from.service, scopes]);
    const kept = tokens.get(key);
    if (kept !== undefined) {
      const token = await kept;
      if (token.expires > now()) return token;
      if (tokens.get(key) === kept) tokens.delete(key);
      return tokenFor(from, scopes);
    }
    const asked = fetchToken(from, scopes);
    tokens.set(key, asked);
    asked.catch(() => tokens.delete(key));
    return asked;
  };
  const forget = async (bearer: string): Promise<void> => {
    for (const [key, kept] of tokens) {
      // One that fails is told to whoever asked for it.
      const found = await kept.catch(() => null);
      if (found !== null && `Bearer ${found.token.bearer}` === bearer) tokens.delete(key);
    }
  };
  const header = async (scopes: readonly string[]): Promise<string | null> => {
    if (realm === null && !usesBasic) return null;
    const found = await known();
    if (found?.kind === "registry") return `Bearer ${found.token}`;
    if (realm !== null) return `Bearer ${(await tokenFor(realm, scopes)).token.bearer}`;
    return found === null ? null : basicHeader(found);
  };
  return {
    identity: () => identity,
    header: (scopes) => header([...scopes].sort()),
    answer: async (headers, scopes, sent) => {
      const challenges = parseChallenges(headers);
      const bearer = challenges.find(({ scheme }) => scheme === "bearer");
      if (bearer !== undefined) realm = await readRealm(bearer, options);
      else if (challenges.some(({ scheme }) => scheme === "basic")) usesBasic = true;
      else throw unknownChallenge(challenges, options.registry);
      if (sent !== null) await forget(sent);
      const next = await header([...scopes].sort());
      return next === sent ? null : next;
    },
  };
}

async function readRealm({ parameters }: Challenge, { registry, isTrusted }: AuthorizerOptions): Promise<TokenRealm> {
  const text = parameters.get("realm") ?? "";
  if (!URL.canParse(text)) throw invalidRealm(registry, text, "expected a URL");
  const url = new URL(text);
  if (url.username !== "" || url.password !== "") throw invalidRealm(registry, url.host, "it has a user in it");
  if (!(await isTrusted(url))) throw invalidRealm(registry, text, "expected https");
  return { url, service: parameters.get("service") ?? null };
}

function invalidRealm(registry: string, realm: string, problem: string): LayerfsError {
  return new LayerfsError(
    "REGISTRY",
    `registry ${registry}: it sends us to ${printable(realm.slice(0, 200)) || "nowhere"} for a token: ${problem}`,
    { hint: "credentials are sent to https only, or to a registry that --insecure-registry names" },
  );
}

function unknownChallenge(challenges: readonly Challenge[], registry: string): LayerfsError {
  const schemes = challenges.map(({ scheme }) => printable(scheme.slice(0, 40))).join(", ") || "nothing that is known";
  return new LayerfsError("REGISTRY", `registry ${registry}: it asks for ${schemes}, expected Bearer or Basic`);
}
