import { describe, expect, it } from "vitest";
import { requires } from "../requires.ts";
import { sampleImages } from "../sample-images.ts";
import { pushImage } from "./push-image.ts";
import { registry, startRegistry } from "./registry.ts";
import { type Answer, send } from "./send.ts";
import { startTokenServer, type TokenServer } from "./token-server.ts";

const [sample] = sampleImages(0.1);
const PULL = "repository:lab/a:pull";
const PUSH = "repository:lab/a:pull,push";

function basic(user: string, password: string): string {
  return `Basic ${Buffer.from(`${user}:${password}`).toString("base64")}`;
}

async function ask({ trust }: TokenServer, scope: string, authorization?: string): Promise<Answer> {
  const url = new URL(trust.realm);
  url.searchParams.set("service", trust.service);
  url.searchParams.set("scope", scope);
  return send(url, authorization === undefined ? {} : { headers: { Authorization: authorization } });
}

describe("a token server of the test's own", () => {
  requires(registry());

  it("issues tokens that the registry takes, and records the scopes", async () => {
    await using tokens = await startTokenServer({ users: { me: "secret" } });
    await using server = await startRegistry({ tokens: tokens.trust });
    const challenge = await send(`${server.url}/v2/lab/a/manifests/1`);
    expect(challenge.status).toBe(401);
    expect(challenge.headers["www-authenticate"]).toContain(`Bearer realm="${tokens.trust.realm}"`);
    expect(challenge.headers["www-authenticate"]).toContain(`scope="${PULL}"`);

    const { token } = JSON.parse((await ask(tokens, PUSH, basic("me", "secret"))).body.toString());
    const { manifest } = await pushImage({ ...server, authorization: `Bearer ${token}` }, "lab/a:1", sample!.image);

    const anonymous = JSON.parse((await ask(tokens, PUSH)).body.toString()).token;
    const headers = { Authorization: `Bearer ${anonymous}`, Accept: manifest.mediaType };
    expect(await send(`${server.url}/v2/lab/a/manifests/1`, { headers })).toMatchObject({ status: 200 });
    await expect(
      pushImage({ ...server, authorization: `Bearer ${anonymous}` }, "lab/a:2", sample!.image),
    ).rejects.toThrow("401");

    expect(await ask(tokens, PULL, basic("me", "wrong"))).toMatchObject({ status: 401 });
    expect(tokens.requests.map(({ user, scopes, status }) => [user, scopes, status])).toEqual([
      ["me", [PUSH], 200],
      [null, [PUSH], 200],
      ["me", [PULL], 401],
    ]);
  });

  it("issues tokens that have expired", async () => {
    await using tokens = await startTokenServer();
    await using server = await startRegistry({ tokens: tokens.trust });
    const get = (token: string): Promise<Answer> =>
      send(`${server.url}/v2/lab/a/tags/list`, { headers: { Authorization: `Bearer ${token}` } });
    expect(await get(tokens.issue([PULL]))).toMatchObject({ status: 404 });
    tokens.lifetime = -61;
    expect(await get(tokens.issue([PULL]))).toMatchObject({ status: 401 });
  });

  it("takes a refresh token", async () => {
    await using tokens = await startTokenServer({ refreshTokens: ["again"], users: {} });
    const post = (token: string): Promise<Answer> => {
      const form = { grant_type: "refresh_token", service: tokens.trust.service, scope: PUSH, refresh_token: token };
      return send(tokens.trust.realm, { method: "POST", body: Buffer.from(new URLSearchParams(form).toString()) });
    };
    expect(JSON.parse((await post("again")).body.toString())).toMatchObject({ expires_in: 300 });
    expect(await post("wrong")).toMatchObject({ status: 401 });
    expect(tokens.requests.map(({ grantType }) => grantType)).toEqual(["refresh_token", "refresh_token"]);
  });
});
