import { isLayerfsError, LayerfsError, printable } from "../../core/errors.ts";
import { type JsonNode, parseJson } from "../../core/json.ts";
import { basicHeader, type Credentials } from "./credentials.ts";
import { refusal } from "./refusal.ts";
import type { Answer, WireRequest } from "./transport.ts";

/** Where tokens of a registry are given out, as its challenge says (distribution, spec/auth/token.md). */
export interface TokenRealm {
  readonly url: URL;
  readonly service: string | null;
}

export interface Token {
  readonly bearer: string;
  /** Seconds from when it was asked for. */
  readonly lifetime: number;
  /** A new refresh token, where one was asked for or the old one does not serve any more. */
  readonly identity: string | null;
}

export interface TokenRequest {
  readonly realm: TokenRealm;
  readonly scopes: readonly string[];
  readonly credentials: Credentials | null;
  /** Whether to ask for a refresh token too, which then stands for the password. */
  readonly offline?: boolean | undefined;
  /** The registry's name, for messages. */
  readonly registry: string;
}

const CLIENT_ID = "layerfs";
const MAX_TOKEN_ANSWER = 256 * 1024;
/** What a token is good for whose server does not tell; also the least that is believed (token.md). */
const DEFAULT_LIFETIME = 60;

/**
 * Gets an access token: by GET with the password, if there is one, or by POST with a refresh token (spec/auth/oauth.md).
 * Codes: UNAUTHORIZED, RATE_LIMITED, REGISTRY; passing ones are marked.
 */
export async function requestToken(
  request: TokenRequest,
  send: (url: URL, wire: WireRequest) => Promise<Answer>,
): Promise<Token> {
  const { realm, credentials, registry } = request;
  const answer =
    credentials?.kind === "identity"
      ? await send(realm.url, postRequest(request, credentials.token))
      : await send(getURL(request), getRequest(credentials));
  const object = `registry ${registry}: access token of ${printable(realm.url.host)}`;
  if (answer.status !== 200) throw refused(await refusal(answer, object, registry), credentials, registry);
  return readToken(await readBounded(answer, object), object);
}

function getURL({ realm, scopes, credentials, offline }: TokenRequest): URL {
  const url = new URL(realm.url);
  if (realm.service !== null) url.searchParams.append("service", realm.service);
  for (const scope of scopes) url.searchParams.append("scope", scope);
  if (credentials?.kind === "password") url.searchParams.append("account", credentials.username);
  if (offline) {
    url.searchParams.append("client_id", CLIENT_ID);
    url.searchParams.append("offline_token", "true");
  }
  return url;
}

function getRequest(credentials: Credentials | null): WireRequest {
  const authorization = credentials === null ? null : basicHeader(credentials);
  return { method: "GET", headers: { accept: "application/json", ...(authorization !== null && { authorization }) } };
}

function postRequest({ realm, scopes }: TokenRequest, refreshToken: string): WireRequest {
  const form = new URLSearchParams({
    grant_type: "refresh_token",
    client_id: CLIENT_ID,
    refresh_token: refreshToken,
    ...(realm.service !== null && { service: realm.service }),
    ...(scopes.length > 0 && { scope: scopes.join(" ") }),
  });
  return {
    method: "POST",
    headers: { accept: "application/json", "content-type": "application/x-www-form-urlencoded" },
    body: Buffer.from(form.toString()),
  };
}

function refused(error: LayerfsError, credentials: Credentials | null, registry: string): LayerfsError {
  if (error.code !== "UNAUTHORIZED" || credentials === null || credentials.kind === "registry") return error;
  const user = credentials.username === "" ? "" : ` of user ${printable(credentials.username)}`;
  return new LayerfsError("UNAUTHORIZED", `${error.message}; the credentials${user} were not accepted`, {
    hint: `log in again: layerfs login ${registry}`,
    cause: error,
  });
}

async function readBounded(answer: Answer, object: string): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of answer.body()) {
    chunks.push(chunk);
    length += chunk.length;
    if (length > MAX_TOKEN_ANSWER) {
      throw new LayerfsError("REGISTRY", `${object}: the answer has more than ${MAX_TOKEN_ANSWER} bytes`);
    }
  }
  return Buffer.concat(chunks);
}

function readToken(bytes: Buffer, object: string): Token {
  const node = parseToken(bytes, object);
  const text = (name: string): string =>
    node.field(name).optional((field) => (typeof field.value === "string" ? field.value : "")) ?? "";
  const bearer = text("token") || text("access_token");
  if (!/^[\x21-\x7e]+$/.test(bearer)) {
    throw new LayerfsError("REGISTRY", `${object}: the answer has no token that could be sent`);
  }
  const lifetime = Number(node.field("expires_in").value ?? DEFAULT_LIFETIME);
  return {
    bearer,
    lifetime: Number.isFinite(lifetime) ? Math.max(lifetime, DEFAULT_LIFETIME) : DEFAULT_LIFETIME,
    identity: text("refresh_token") || null,
  };
}

/** A failure must not show the text, which may hold a token. */
function parseToken(bytes: Buffer, object: string): JsonNode {
  try {
    const node = parseJson(bytes, { title: object, code: "REGISTRY" });
    node.object();
    return node;
  } catch (error) {
    if (!isLayerfsError(error, "REGISTRY")) throw error;
    throw new LayerfsError("REGISTRY", `${object}: the answer is no JSON object`);
  }
}
