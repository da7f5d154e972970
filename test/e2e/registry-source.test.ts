import { execFileSync } from "node:child_process";
import { existsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";
import { type Engine, openEngine } from "../../src/index.ts";
import type { RegistrySettings } from "../../src/source/registry/settings.ts";
import { collect } from "../support/apply.ts";
import { startFaultProxy } from "../support/registry/fault-proxy.ts";
import { pushImage } from "../support/registry/push-image.ts";
import { registry, startRegistry } from "../support/registry/registry.ts";
import { QUIET_SETTINGS } from "../support/registry/settings.ts";
import { program, requires, root } from "../support/requires.ts";
import { sampleImages } from "../support/sample-images.ts";
import { scratchDirectory } from "../support/scratch.ts";
import { testEngine } from "../support/stores.ts";
import { readTreeLines } from "../support/tree-lines.ts";

const [sample] = sampleImages(1);

/** An engine whose root does not exist; nothing that is done with it may make it. */
async function storelessEngine(registries: RegistrySettings = QUIET_SETTINGS): Promise<Engine> {
  const directory = join(scratchDirectory(), "no-root");
  const engine = await openEngine({ root: directory, registries });
  onTestFinished(async () => {
    await engine[Symbol.asyncDispose]();
    expect(existsSync(directory)).toBe(false);
  });
  return engine;
}

describe("an image in a registry", () => {
  requires(registry(), root());

  it("is unpacked, listed, read and inspected without a store", async () => {
    await using server = await startRegistry();
    await pushImage(server, "lab/a:1", sample!.image);
    const engine = await storelessEngine();
    const source = `docker://${server.host}/lab/a:1`;
    const directory = join(scratchDirectory(), "tree");
    expect(await engine.unpack(source, directory)).toEqual({ warnings: [] });
    expect(readTreeLines(directory)).toEqual(sample!.tree);
    expect((await engine.inspect(source)).Id).toBe(sample!.id);
    const files = (await engine.list(source, "/", { recursive: true })).filter(({ kind }) => kind === "file");
    expect(files.length).toBeGreaterThan(100);
    const [first] = files;
    expect(await collect(await engine.readFile(source, first!.path.toString()))).toHaveLength(first!.size);
  });

  it("is unpacked also where the connection breaks off, and fails with the registry's reason where it must", async () => {
    await using server = await startRegistry();
    const { layers } = await pushImage(server, "lab/a:1", sample!.image);
    await using proxy = await startFaultProxy(server);
    const engine = await storelessEngine();
    const source = `docker://${proxy.host}/lab/a:1`;
    proxy.rules = [{ path: layers[1]!.digest, nth: 1, fault: { cutAfter: 1000 } }];
    const directory = join(scratchDirectory(), "tree");
    await engine.unpack(source, directory);
    expect(readTreeLines(directory)).toEqual(sample!.tree);
    proxy.rules = [{ path: layers[1]!.digest, fault: { answer: { status: 500 } } }];
    await expect(engine.unpack(source, join(scratchDirectory(), "tree"))).rejects.toMatchObject({
      code: "REGISTRY",
      message: expect.stringContaining(
        `blob lab/a@${layers[1]!.digest}: unexpected status 500; gave up after 3 attempts`,
      ),
    });
    proxy.rules = [{ path: layers[1]!.digest, fault: { alterAt: 500 } }];
    await expect(engine.unpack(source, join(scratchDirectory(), "tree"))).rejects.toMatchObject({
      code: "DIGEST_MISMATCH",
    });
  });

  it.each(["mount", "load", "tag"] as const)("cannot be given to %s, which says what to do", async (verb) => {
    const engine = await testEngine("vfs");
    const source = "docker://registry.example/lab/a";
    const call = {
      mount: () => engine.mount({ image: source }),
      load: () => engine.load({ source }),
      tag: () => engine.tag(source, "a"),
    };
    await expect(call[verb]()).rejects.toMatchObject({
      code: "UNSUPPORTED",
      hint: expect.stringContaining("layerfs pull registry.example/lab/a"),
    });
  });
});

describe("a login", () => {
  requires(registry(), root(), program("skopeo"));

  it("serves other programs too, until the logout", async () => {
    await using server = await startRegistry({ htpasswd: { user: "me", password: "se:cret" } });
    const authorization = `Basic ${Buffer.from("me:se:cret").toString("base64")}`;
    await pushImage({ ...server, authorization }, "lab/a:1", sample!.image);
    const dockerConfigDirectory = scratchDirectory();
    const file = join(dockerConfigDirectory, "config.json");
    writeFileSync(file, "{}");
    const engine = await storelessEngine({ ...QUIET_SETTINGS, dockerConfigDirectory });
    const skopeo = (): string =>
      execFileSync("skopeo", ["inspect", "--tls-verify=false", "--authfile", file, `docker://${server.host}/lab/a:1`], {
        encoding: "utf8",
        stdio: ["ignore", "pipe", "ignore"],
      });
    const request = { server: server.host, credentials: { username: "me", password: "se:cret" } };
    await expect(engine.login({ server: server.host })).rejects.toMatchObject({ code: "NOT_FOUND" });
    await expect(
      engine.login({ ...request, credentials: { username: "me", password: "wrong" } }),
    ).rejects.toMatchObject({ code: "UNAUTHORIZED" });
    expect(skopeo).toThrow();
    expect(await engine.login(request)).toEqual({ registry: server.host, username: "me", place: { file } });
    expect(JSON.parse(skopeo())).toMatchObject({ Name: `${server.host}/lab/a` });
    expect(await engine.login({ server: `http://${server.host}/v2/` })).toMatchObject({ username: "me", place: null });
    expect((await engine.inspect(`docker://${server.host}/lab/a:1`)).Id).toBe(sample!.id);
    expect(await engine.logout(server.host)).toEqual({ registry: server.host, removed: true });
    expect(await engine.logout(server.host)).toEqual({ registry: server.host, removed: false });
    await expect(engine.inspect(`docker://${server.host}/lab/a:1`)).rejects.toMatchObject({ code: "UNAUTHORIZED" });
  });

  it.each(["", "a b", "@", "-x"])("is refused at %j, which is no registry", async (server) => {
    const engine = await storelessEngine();
    await expect(engine.logout(server)).rejects.toMatchObject({ code: "USAGE" });
  });
});
