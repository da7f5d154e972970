import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { smallImage } from "../support/damage.ts";
import { statusFault } from "../support/registry/faults.ts";
import { type PullSite, pullSite } from "../support/registry/pull-site.ts";
import { type PushedImage, pushImage } from "../support/registry/push-image.ts";
import { type RegistryOptions, registry } from "../support/registry/registry.ts";
import { startTokenServer, type TokenServer } from "../support/registry/token-server.ts";
import { root as machineUser, requires } from "../support/requires.ts";

const image = smallImage("secret:1", "secret");
const NAME = "lab/secret";
const SCOPE = `repository:${NAME}:pull`;
const USER = "me";
const PASSWORD = "pass:wört";

describe("a pull from a registry that wants to know who asks", () => {
  requires(machineUser(), registry());

  const basic = (password = PASSWORD): string => Buffer.from(`${USER}:${password}`).toString("base64");
  const logIn = ({ dockerConfig, proxy }: PullSite, password?: string): void => {
    const auths = { [proxy.host]: { auth: basic(password) }, "other.example": { auth: "d3Jvbmc6d3Jvbmc=" } };
    writeFileSync(join(dockerConfig, "config.json"), JSON.stringify({ auths }));
  };
  const siteWith = async (
    options: RegistryOptions,
    authorization: string,
  ): Promise<PullSite & { readonly pushed: PushedImage }> => {
    const site = await pullSite("vfs", options);
    const pushed = await pushImage({ ...site.registry, authorization }, `${NAME}:1`, image);
    return { ...site, pushed };
  };
  const withTokens = (tokens: TokenServer): ReturnType<typeof siteWith> =>
    siteWith({ tokens: tokens.trust }, `Bearer ${tokens.issue([`repository:${NAME}:pull,push`])}`);

  const expectPulled = async (site: PullSite): Promise<void> => {
    const root = site.newRoot();
    expect(await site.layerfs(root, "-q", "--log-level", "error", "pull", site.reference(`${NAME}:1`))).toMatchObject({
      status: 0,
      stderr: "",
    });
    expect((await site.look(root)).problems).toEqual([]);
  };
  const expectRefused = async (site: PullSite, ...words: readonly (string | RegExp)[]): Promise<void> => {
    const root = site.newRoot();
    const { status, stdout, stderr } = await site.layerfs(root, "-q", "pull", site.reference(`${NAME}:1`));
    expect({ status, stdout }).toEqual({ status: 1, stdout: "" });
    for (const word of [site.proxy.host, ...words]) expect(stderr).toMatch(word);
    for (const secret of [PASSWORD, basic(), "eyJ"]) expect(stderr).not.toContain(secret);
    expect(await site.look(root)).toEqual({ images: [], problems: [] });
  };

  it("by a name and a password needs the right ones", async () => {
    await using site = await siteWith({ htpasswd: { user: USER, password: PASSWORD } }, `Basic ${basic()}`);
    await expectRefused(site, /unauthorized|authentication|log ?in/i);
    logIn(site, "wrong");
    await expectRefused(site, /unauthorized|authentication|log ?in/i);
    logIn(site);
    await expectPulled(site);
  });

  it("sends them to no other host that a layer lies on", async () => {
    await using site = await siteWith({ htpasswd: { user: USER, password: PASSWORD } }, `Basic ${basic()}`);
    logIn(site);
    site.proxy.rules = [{ method: "GET", path: "/blobs/", fault: { redirect: true } }];
    await expectPulled(site);
    const atStorage = site.proxy.requests.filter(({ host }) => host === "storage");
    expect(atStorage.length).toBeGreaterThan(0);
    for (const { headers } of atStorage) expect(headers.authorization).toBeUndefined();
  });

  it("by tokens asks for the scope of this repository alone, and once", async () => {
    await using tokens = await startTokenServer();
    await using site = await withTokens(tokens);
    await expectPulled(site);
    expect(tokens.requests.map(({ user, scopes, service }) => ({ user, scopes, service }))).toEqual([
      { user: null, scopes: [SCOPE], service: tokens.trust.service },
    ]);
  });

  it("gets a new token where one has expired under way", async () => {
    await using tokens = await startTokenServer();
    await using site = await withTokens(tokens);
    // The registry allows a minute more than a token says, so this one is good for two seconds.
    tokens.nextLifetimes = [-58];
    tokens.toldLifetime = 300;
    const fault = statusFault(503, "UNAVAILABLE", { "Retry-After": "3" });
    site.proxy.rules = [{ method: "GET", path: site.pushed.layers[0]!.digest, nth: 1, fault }];
    await expectPulled(site);
    expect(tokens.requests).toHaveLength(2);
    expect(site.proxy.downloadsOf(site.pushed.layers[0]!.digest)).toHaveLength(1);
  });

  it("fails where every token has expired", async () => {
    await using tokens = await startTokenServer();
    await using site = await withTokens(tokens);
    tokens.lifetime = -61;
    await expectRefused(site, /unauthorized|authentication|token/i);
    expect(tokens.requests.length).toBeLessThan(5);
  });

  it("sends name and password to the token server, and fails where it does not know them", async () => {
    await using tokens = await startTokenServer({ users: { [USER]: PASSWORD }, private: true });
    await using site = await withTokens(tokens);
    await expectRefused(site, /unauthorized|authentication|denied|log ?in/i);
    logIn(site, "wrong");
    await expectRefused(site, /unauthorized|incorrect username or password|log ?in/i);
    logIn(site);
    await expectPulled(site);
    expect(tokens.requests.at(-1)).toMatchObject({ user: USER, scopes: [SCOPE], status: 200 });
    for (const { headers } of site.proxy.requests) expect(headers.authorization ?? "").not.toMatch(/^Basic/);
  });
});
