import { chmodSync, mkdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { scratchDirectory } from "../../../test/support/scratch.ts";
import { eraseCredentials, findCredentials, registryOfKey, storeCredentials } from "./credential-store.ts";
import type { Credentials } from "./credentials.ts";

const pack = (text: string): string => Buffer.from(text).toString("base64");
const ME: Credentials = { kind: "password", username: "me", password: "secret" };

interface Place {
  readonly dockerConfigDirectory: string;
  readonly environment: Readonly<Record<string, string>>;
  /** The text of config.json. */
  text(): string;
}

/** A directory for Docker's configuration with this config.json, and a place for credential helpers. */
function place(config?: unknown, helpers: Readonly<Record<string, string>> = {}): Place {
  const directory = scratchDirectory();
  const file = join(directory, "config.json");
  if (config !== undefined) writeFileSync(file, typeof config === "string" ? config : JSON.stringify(config));
  const bin = join(directory, "bin");
  mkdirSync(bin);
  for (const [name, script] of Object.entries(helpers)) {
    writeFileSync(join(bin, `docker-credential-${name}`), `#!/bin/sh\n${script}\n`, { mode: 0o755 });
  }
  const environment = { PATH: `${bin}:/usr/bin:/bin`, STORE: join(directory, "store") };
  return { dockerConfigDirectory: directory, environment, text: () => readFileSync(file, "utf8") };
}

/** Keeps what it is given in the file $STORE. */
const KEEPER = `case "$1" in
store) cat >"$STORE";;
get) read -r server; grep -q "\\"$server\\"" "$STORE" 2>/dev/null && cat "$STORE" || { echo "credentials not found in native keychain"; exit 1; };;
erase) rm -f "$STORE";;
esac`;

describe("credentials in config.json", () => {
  it.each([
    ["by the host", "r.example:5000", { "r.example:5000": { auth: pack("me:secret") } }],
    ["by a URL", "r.example", { "https://r.example/v1/": { auth: pack("me:secret") } }],
    ["by Docker Hub's own key", "docker.io", { "https://index.docker.io/v1/": { auth: pack("me:secret") } }],
    ["padded with zeros", "r.example", { "r.example": { auth: pack("me:secret\0\0") } }],
    ["in two fields", "r.example", { "r.example": { username: "me", password: "secret" } }],
    [
      "before those of a URL",
      "r.example",
      { "http://r.example": { auth: pack("x:y") }, "r.example": { auth: pack("me:secret") } },
    ],
  ])("are found %s", async (_, domain, auths) => {
    expect(await findCredentials(place({ auths }), domain)).toEqual(ME);
  });

  it("may have colons in the password", async () => {
    const auths = { "r.example": { auth: pack("me:a:b") } };
    expect(await findCredentials(place({ auths }), "r.example")).toMatchObject({ password: "a:b" });
  });

  it("may be tokens", async () => {
    const auths = {
      "r.example": { auth: pack("me:"), identitytoken: "refresh" },
      "s.example": { registrytoken: "bearer" },
    };
    expect(await findCredentials(place({ auths }), "r.example")).toEqual({
      kind: "identity",
      username: "me",
      token: "refresh",
    });
    expect(await findCredentials(place({ auths }), "s.example")).toEqual({ kind: "registry", token: "bearer" });
  });

  it.each([
    ["there is no file", undefined],
    ["the file is empty", ""],
    ["there is no entry", { auths: { "other.example": { auth: pack("me:secret") } } }],
    ["the entry is of another port", { auths: { "r.example:5000": { auth: pack("me:secret") } } }],
    ["the entry is empty", { auths: { "r.example": {} } }],
    ["the name is one of every object", { auths: {} }],
  ])("are none where %s", async (_, config) => {
    expect(await findCredentials(place(config), "r.example")).toBeNull();
    expect(await findCredentials(place(config), "constructor")).toBeNull();
  });

  it.each([
    ["no JSON", '{"auths": {"r.example": {"auth": "c2VjcmV0"'],
    ["no object", '["c2VjcmV0"]'],
    ["no user in it", { auths: { "r.example": { auth: pack("secret") } } }],
    ["no base64", { auths: { "r.example": { auth: "c2VjcmV0!" } } }],
    ["a list in place of the entries", { auths: ["c2VjcmV0"] }],
    ["a path as a helper", { credsStore: "../c2VjcmV0" }],
  ])("are refused with %s, and nothing of them is told", async (_, config) => {
    const failure = findCredentials(place(config), "r.example");
    await expect(failure).rejects.toMatchObject({ code: "INVALID_CONFIG" });
    await expect(failure).rejects.not.toThrow(/c2Vjcm|secret/);
  });
});

describe("credentials that are stored in config.json", () => {
  it("leave all else as it was, in its order", async () => {
    const before = {
      psFormat: "x",
      auths: { "a.example": { auth: pack("a:b") } },
      HttpHeaders: { "X-A": "b" },
      plugins: {},
    };
    const config = place(before);
    const stored = await storeCredentials(config, "r.example", ME);
    expect(stored).toEqual({ file: join(config.dockerConfigDirectory, "config.json") });
    expect(Object.keys(JSON.parse(config.text()))).toEqual(["psFormat", "auths", "HttpHeaders", "plugins"]);
    expect(JSON.parse(config.text())).toEqual({
      ...before,
      auths: { ...before.auths, "r.example": { auth: pack("me:secret") } },
    });
    expect(await findCredentials(config, "r.example")).toEqual(ME);
  });

  it("are for their owner alone, also in a file that was there", async () => {
    const config = place({});
    const file = join(config.dockerConfigDirectory, "config.json");
    chmodSync(file, 0o644);
    await storeCredentials(config, "docker.io", ME);
    expect(statSync(file).mode & 0o777).toBe(0o600);
    expect(JSON.parse(config.text()).auths).toHaveProperty(["https://index.docker.io/v1/"]);
  });

  it("go into a directory that is made, and through a link", async () => {
    const config = place();
    const inner = { ...config, dockerConfigDirectory: join(config.dockerConfigDirectory, "new") };
    await storeCredentials(inner, "r.example", { kind: "identity", username: "me", token: "refresh" });
    const link = join(config.dockerConfigDirectory, "config.json");
    symlinkSync("new/config.json", link);
    await storeCredentials(config, "s.example", ME);
    expect(
      Object.keys(JSON.parse(readFileSync(join(inner.dockerConfigDirectory, "config.json"), "utf8")).auths),
    ).toEqual(["r.example", "s.example"]);
    expect(await findCredentials(config, "r.example")).toEqual({ kind: "identity", username: "me", token: "refresh" });
  });

  it("are erased under every name of the registry", async () => {
    const config = place({ auths: { "https://r.example/v1/": { auth: pack("a:b") }, "s.example": {} } });
    await storeCredentials(config, "r.example", ME);
    expect(await eraseCredentials(config, "r.example")).toBe(true);
    expect(await findCredentials(config, "r.example")).toBeNull();
    expect(JSON.parse(config.text())).toEqual({ auths: { "s.example": {} } });
    expect(await eraseCredentials(config, "r.example")).toBe(false);
  });
});

describe("a credential helper", () => {
  it("keeps what is stored, and config.json only that there is something", async () => {
    const config = place({ credsStore: "keeper" }, { keeper: KEEPER });
    expect(await findCredentials(config, "r.example")).toBeNull();
    expect(await storeCredentials(config, "r.example", ME)).toEqual({ helper: "docker-credential-keeper" });
    expect(JSON.parse(config.text())).toEqual({ credsStore: "keeper", auths: { "r.example": {} } });
    expect(await findCredentials(config, "r.example")).toEqual(ME);
    expect(await eraseCredentials(config, "r.example")).toBe(true);
    expect(await findCredentials(config, "r.example")).toBeNull();
    expect(JSON.parse(config.text())).toEqual({ credsStore: "keeper", auths: {} });
  });

  it("keeps refresh tokens", async () => {
    const config = place({ credsStore: "keeper" }, { keeper: KEEPER });
    await storeCredentials(config, "r.example", { kind: "identity", username: "me", token: "refresh" });
    expect(await findCredentials(config, "r.example")).toEqual({ kind: "identity", username: "", token: "refresh" });
  });

  it.each([
    ["of a registry comes before that for all", "r.example", "own"],
    ["for all serves the others", "s.example", "all"],
  ])("%s", async (_, domain, username) => {
    const answer = (name: string): string => `echo '{"Username":"${name}","Secret":"x"}'`;
    const config = place(
      { credHelpers: { "r.example": "own" }, credsStore: "all", auths: { [domain]: { auth: pack("file:x") } } },
      { own: answer("own"), all: answer("all") },
    );
    expect(await findCredentials(config, domain)).toMatchObject({ username });
  });

  it("of Docker Hub is asked for Docker Hub's key", async () => {
    const script = `read -r server; echo "{\\"Username\\":\\"$server\\",\\"Secret\\":\\"x\\"}"`;
    const config = place({ credHelpers: { "docker.io": "hub" } }, { hub: script });
    expect(await findCredentials(config, "docker.io")).toMatchObject({ username: "https://index.docker.io/v1/" });
  });

  it.each([
    ["fails", "echo 'my secret'; exit 3", "docker-credential-bad get: it ended with 3"],
    ["answers no JSON", "echo 'my secret'", "expected JSON with Username and Secret"],
    ["answers other JSON", `echo '{"Secret": "my secret"}'`, "expected JSON with Username and Secret"],
    ["answers without end", "yes 'my secret'", "docker-credential-bad get: it ended with SIGKILL"],
  ])("that %s is told by its name, and nothing of its words", async (_, script, problem) => {
    const failure = findCredentials(place({ credsStore: "bad" }, { bad: script }), "r.example");
    await expect(failure).rejects.toMatchObject({ code: "SYSTEM", message: expect.stringContaining(problem) });
    await expect(failure).rejects.not.toThrow(/my secret/);
  });

  it("is not waited for once it has ended, whatever it started and left running", { timeout: 15_000 }, async () => {
    const script = `sleep 20 & echo $! >"$STORE"; echo '{"Username":"me","Secret":"x"}'`;
    const config = place({ credsStore: "starter" }, { starter: script });
    expect(await findCredentials(config, "r.example")).toMatchObject({ username: "me" });
    process.kill(Number(readFileSync(join(config.dockerConfigDirectory, "store"), "utf8")));
  });

  it("that is missing is told by its name", async () => {
    await expect(findCredentials(place({ credsStore: "none" }), "r.example")).rejects.toMatchObject({
      code: "SYSTEM",
      message: "credential helper docker-credential-none: it cannot be started: ENOENT",
    });
  });
});

it.each([
  ["https://index.docker.io/v1/", "docker.io"],
  ["docker.io", "docker.io"],
  ["https://r.example/v1/", "r.example"],
  ["http://r.example:5000", "r.example:5000"],
  ["r.example", "r.example"],
])("takes %s for %s", (key, registry) => {
  expect(registryOfKey(key)).toBe(registry);
});
