import { once } from "node:events";
import { mkdirSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { collect } from "../../../test/support/apply.ts";
import { startFaultProxy } from "../../../test/support/registry/fault-proxy.ts";
import { pushImage } from "../../../test/support/registry/push-image.ts";
import { registry, startRegistry } from "../../../test/support/registry/registry.ts";
import { QUIET_SETTINGS } from "../../../test/support/registry/settings.ts";
import { startTokenServer } from "../../../test/support/registry/token-server.ts";
import { requires } from "../../../test/support/requires.ts";
import { sampleImages } from "../../../test/support/sample-images.ts";
import { scratchDirectory } from "../../../test/support/scratch.ts";
import { digestOf } from "../../core/digest.ts";
import { registryClient } from "./registry-client.ts";
import type { RegistrySettings } from "./settings.ts";

const [sample] = sampleImages(0.1);
const bytes = Buffer.from("a blob");
const blob = { digest: digestOf(bytes), size: bytes.length };
const send = async function* (): AsyncGenerator<Uint8Array> {
  yield bytes;
};

/** Settings with these entries in `auths` of Docker's configuration. */
function withAuths(auths: Readonly<Record<string, unknown>>): RegistrySettings {
  const directory = scratchDirectory();
  writeFileSync(join(directory, "config.json"), JSON.stringify({ auths }));
  return { ...QUIET_SETTINGS, dockerConfigDirectory: directory };
}

const pack = (user: string, password: string): string => Buffer.from(`${user}:${password}`).toString("base64");

describe("a registry that asks for a password", () => {
  requires(registry());

  it("gets the one of Docker's configuration", async () => {
    await using server = await startRegistry({ htpasswd: { user: "me", password: "se:cret" } });
    await using client = registryClient(withAuths({ [server.host]: { auth: pack("me", "se:cret") } }));
    const repository = client.repository({ domain: server.host, path: "lab/a" });
    await repository.uploadBlob(blob, send, {});
    expect(await collect(repository.openBlob(blob, {}))).toEqual(bytes);
  });

  it.each([
    ["none", {}],
    ["a wrong one", { auth: pack("me", "a wrong secret") }],
  ])("refuses %s, which is not repeated and not told", async (_, entry) => {
    await using server = await startRegistry({ htpasswd: { user: "me", password: "secret" } });
    await using proxy = await startFaultProxy(server);
    await using client = registryClient(withAuths({ [proxy.host]: entry }));
    const failure = client.repository({ domain: proxy.host, path: "lab/a" }).fetchManifest("1", {});
    await expect(failure).rejects.toMatchObject({
      code: "UNAUTHORIZED",
      message: expect.stringMatching(
        /^registry 127.*: manifest lab\/a:1: access is refused \(status 401\): UNAUTHORIZED/,
      ),
      hint: expect.stringContaining("layerfs login"),
    });
    await expect(failure).rejects.not.toMatchObject({ message: expect.stringContaining("wrong secret") });
    const tries = proxy.requests.filter(({ path }) => path.endsWith("/manifests/1"));
    expect(tries).toHaveLength("auth" in entry ? 2 : 1);
  });

  it("does not get the password of another registry, nor does a place that it leads to", async () => {
    await using server = await startRegistry({ htpasswd: { user: "me", password: "secret" } });
    await using proxy = await startFaultProxy(server);
    await using client = registryClient(withAuths({ [proxy.host]: { auth: pack("me", "secret") } }));
    const repository = client.repository({ domain: proxy.host, path: "lab/a" });
    await repository.uploadBlob(blob, send, {});
    proxy.rules = [{ method: "GET", path: "/blobs/", fault: { redirect: true } }];
    expect(await collect(repository.openBlob(blob, {}))).toEqual(bytes);
    const storage = proxy.requests.filter(({ host }) => host === "storage");
    expect(storage).toHaveLength(1);
    expect(storage[0]?.headers).not.toHaveProperty("authorization");
    await expect(
      client.repository({ domain: server.host, path: "lab/a" }).hasBlob(blob.digest, {}),
    ).rejects.toMatchObject({ code: "UNAUTHORIZED" });
  });
});

describe("a registry that asks for a token", () => {
  requires(registry());

  it("gets one for everybody, once for each scope", async () => {
    await using tokens = await startTokenServer();
    await using server = await startRegistry({ tokens: tokens.trust });
    await using client = registryClient(QUIET_SETTINGS);
    const repository = client.repository({ domain: server.host, path: "lab/a" });
    await repository.uploadBlob(blob, send, {});
    await Promise.all([1, 2, 3].map(() => repository.hasBlob(blob.digest, {})));
    await repository.uploadBlob(
      { digest: digestOf("b"), size: 1 },
      async function* () {
        yield Buffer.from("b");
      },
      {},
    );
    expect(tokens.requests.map(({ method, scopes, user }) => [method, scopes, user])).toEqual([
      ["GET", ["repository:lab/a:pull,push"], null],
      ["GET", ["repository:lab/a:pull"], null],
    ]);
  });

  it("gets one for both repositories of a mount", async () => {
    await using tokens = await startTokenServer({ users: { me: "secret" }, private: true });
    await using server = await startRegistry({ tokens: tokens.trust });
    await using client = registryClient(withAuths({ [server.host]: { auth: pack("me", "secret") } }));
    await client.repository({ domain: server.host, path: "lab/a" }).uploadBlob(blob, send, {});
    const other = client.repository({ domain: server.host, path: "lab/b" });
    expect(await other.mountBlob(blob.digest, "lab/a", {})).toBe(true);
    expect(tokens.requests.at(-1)).toMatchObject({
      user: "me",
      scopes: ["repository:lab/a:pull", "repository:lab/b:pull,push"],
    });
  });

  it("gets another one when it does not take the first any more", async () => {
    await using tokens = await startTokenServer();
    await using server = await startRegistry({ tokens: tokens.trust });
    await pushImage(
      { ...server, authorization: `Bearer ${tokens.issue(["repository:lab/a:pull,push"])}` },
      "lab/a:1",
      sample!.image,
    );
    await using client = registryClient(QUIET_SETTINGS);
    const repository = client.repository({ domain: server.host, path: "lab/a" });
    tokens.toldLifetime = 300;
    tokens.lifetime = -59;
    await repository.fetchManifest("1", {});
    await new Promise((resolve) => setTimeout(resolve, 2100));
    tokens.lifetime = 300;
    await repository.fetchManifest("1", {});
    expect(tokens.requests).toHaveLength(2);
  });

  it("fails where a new token is not taken either, after one more try", async () => {
    await using tokens = await startTokenServer();
    await using server = await startRegistry({ tokens: tokens.trust });
    tokens.lifetime = -61;
    tokens.toldLifetime = 300;
    await using client = registryClient(QUIET_SETTINGS);
    const repository = client.repository({ domain: server.host, path: "lab/a" });
    await expect(repository.fetchManifest("1", {})).rejects.toMatchObject({ code: "UNAUTHORIZED" });
    expect(tokens.requests).toHaveLength(1);
  });

  it("gets one for the refresh token of Docker's configuration", async () => {
    await using tokens = await startTokenServer({ users: {}, private: true, refreshTokens: ["a refresh token"] });
    await using server = await startRegistry({ tokens: tokens.trust });
    const entry = { auth: pack("me", ""), identitytoken: "a refresh token" };
    await using client = registryClient(withAuths({ [server.host]: entry }));
    const repository = client.repository({ domain: server.host, path: "lab/a" });
    await repository.uploadBlob(blob, send, {});
    expect(tokens.requests).toMatchObject([{ method: "POST", grantType: "refresh_token", user: "refreshed" }]);
  });

  it("says which user's credentials its token server did not take, and nothing of them", async () => {
    await using tokens = await startTokenServer({ users: { me: "secret" } });
    await using server = await startRegistry({ tokens: tokens.trust });
    await using client = registryClient(withAuths({ [server.host]: { auth: pack("me", "sEcReT") } }));
    const failure = client.repository({ domain: server.host, path: "lab/a" }).fetchManifest("1", {});
    await expect(failure).rejects.toMatchObject({
      code: "UNAUTHORIZED",
      message: expect.stringMatching(/access token of 127.*incorrect username or password; the credentials of user me/),
      hint: `log in again: layerfs login ${server.host}`,
    });
    await expect(failure).rejects.not.toThrow(/sEcReT/);
  });

  it("is not believed when it sends credentials over plain http to another host", async () => {
    await using server = await startRegistry();
    await using proxy = await startFaultProxy(server);
    const challenge = 'Bearer realm="http://evil.example/token",service="s"';
    proxy.rules = [{ fault: { answer: { status: 401, headers: { "WWW-Authenticate": challenge } } } }];
    await using client = registryClient(withAuths({ [proxy.host]: { auth: pack("me", "secret") } }));
    await expect(client.repository({ domain: proxy.host, path: "lab/a" }).fetchManifest("1", {})).rejects.toMatchObject(
      { code: "REGISTRY", message: expect.stringContaining("http://evil.example/token") },
    );
  });

  it("is not waited for any longer once the user has had enough", async () => {
    const silent = createServer(() => {});
    silent.listen(0, "127.0.0.1");
    await once(silent, "listening");
    await using server = await startRegistry();
    await using proxy = await startFaultProxy(server);
    const challenge = `Bearer realm="http://127.0.0.1:${(silent.address() as AddressInfo).port}/token"`;
    proxy.rules = [{ fault: { answer: { status: 401, headers: { "WWW-Authenticate": challenge } } } }];
    const controller = new AbortController();
    await using client = registryClient({ ...QUIET_SETTINGS, stallTimeout: 300_000 });
    const repository = client.repository({ domain: proxy.host, path: "lab/a" });
    const fetching = repository.fetchManifest("1", { signal: controller.signal });
    silent.once("connection", () => controller.abort());
    try {
      await expect(fetching).rejects.toMatchObject({ code: "CANCELLED" });
    } finally {
      silent.closeAllConnections();
      silent.close();
    }
  });

  it.each([
    ["nothing", undefined],
    ["what is unknown", "Negotiate"],
    ["a realm that is none", 'Bearer realm="/token"'],
    ["a realm with a password in it", 'Bearer realm="https://a:b@127.0.0.1/token"'],
  ])("is refused when it asks for %s", async (_, challenge) => {
    await using server = await startRegistry();
    await using proxy = await startFaultProxy(server);
    const headers: Record<string, string> = challenge === undefined ? {} : { "WWW-Authenticate": challenge };
    proxy.rules = [{ fault: { answer: { status: 401, headers } } }];
    await using client = registryClient(QUIET_SETTINGS);
    const repository = client.repository({ domain: proxy.host, path: "lab/a" });
    await expect(repository.fetchManifest("1", {})).rejects.toMatchObject({ code: "REGISTRY" });
  });
});

describe("a credential helper", () => {
  requires(registry());

  it("is asked for the password", async () => {
    await using server = await startRegistry({ htpasswd: { user: "me", password: "secret" } });
    const directory = scratchDirectory();
    mkdirSync(join(directory, "bin"));
    const answer = JSON.stringify({ ServerURL: server.host, Username: "me", Secret: "secret" });
    const script = `#!/bin/sh\nread -r server\n[ "$1 $server" = "get ${server.host}" ] && echo '${answer}'\n`;
    writeFileSync(join(directory, "bin", "docker-credential-test"), script, { mode: 0o755 });
    writeFileSync(join(directory, "config.json"), JSON.stringify({ credsStore: "test" }));
    await using client = registryClient({
      ...QUIET_SETTINGS,
      dockerConfigDirectory: directory,
      environment: { PATH: `${join(directory, "bin")}:/usr/bin:/bin` },
    });
    const repository = client.repository({ domain: server.host, path: "lab/a" });
    expect(await repository.hasBlob(blob.digest, {})).toBe(false);
  });
});
