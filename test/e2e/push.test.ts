import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdtempSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { gunzipSync } from "node:zlib";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Engine } from "../../src/engine/engine.ts";
import { openEngine } from "../../src/engine/open-engine.ts";
import type { PushResult } from "../../src/engine/outgoing/push.ts";
import { type Dockerd, dockerd, savedLayers, startDockerd } from "../support/dockerd.ts";
import { makeFileSystem, type TestFileSystem } from "../support/filesystems.ts";
import { buildConfig, dockerArchive, type TestImage } from "../support/image-builder.ts";
import { startLayerfs } from "../support/layerfs-process.ts";
import { randomBytesOf } from "../support/random.ts";
import { type FaultProxy, startFaultProxy } from "../support/registry/fault-proxy.ts";
import { statusFault } from "../support/registry/faults.ts";
import { pushImage } from "../support/registry/push-image.ts";
import { registry, startRegistry, type TestRegistry } from "../support/registry/registry.ts";
import { send } from "../support/registry/send.ts";
import { program, requires } from "../support/requires.ts";
import { scanStore } from "../support/scan-store.ts";
import { scratchDirectory } from "../support/scratch.ts";
import { layerTar } from "../support/tar-builder.ts";

/*
 * Pushes to Debian's docker-registry, and what others make of what is there then. The proxy in between counts what is
 * asked for; it runs in this process, so commands that are waited for without it go to the registry itself.
 */

const missing = requires(registry());
const IMAGE: TestImage = {
  tags: [],
  layers: [
    layerTar([
      { name: "etc/", type: "directory" },
      { name: "etc/passwd", data: "root:x:0:0::/:/bin/sh\n" },
      { name: "etc/twin", type: "hardlink", link: "etc/passwd" },
      { name: "random", data: randomBytesOf("pushed", 200_000) },
    ]),
    Buffer.alloc(1024),
    layerTar([{ name: "etc/.wh.passwd" }, { name: "etc/group", data: "root:x:0:\n".repeat(10_000) }]),
  ],
};
const { id, diffIDs } = buildConfig(IMAGE);

let server: TestRegistry;
let proxy: FaultProxy;
beforeAll(async () => {
  if (missing !== null) return;
  server = await startRegistry();
  proxy = await startFaultProxy(server);
});
afterAll(async () => {
  await proxy?.[Symbol.asyncDispose]();
  await server?.[Symbol.asyncDispose]();
});

describe("an image that was pushed", () => {
  it("is there whole: each blob has its digest, and the layers are those of the image", async () => {
    const { digest } = (await pushFresh("lab/whole:1")).tags[0]!;
    const manifest = await read(`lab/whole/manifests/1`);
    expect(digestOf(manifest)).toBe(digest);
    const { config, layers } = JSON.parse(manifest.toString());
    expect(config.digest).toBe(id);
    for (const blob of [config, ...layers]) {
      const bytes = await read(`lab/whole/blobs/${blob.digest}`);
      expect([digestOf(bytes), bytes.length]).toEqual([blob.digest, blob.size]);
    }
    expect(layers).toHaveLength(IMAGE.layers.length);
  });

  it("is the same manifest from another store, and its blobs are found there", async () => {
    const first = await pushFresh("lab/same:1");
    proxy.forget();
    const second = await pushFresh("lab/same:1");
    expect(second.tags[0]!.digest).toBe(first.tags[0]!.digest);
    expect(uploads()).toEqual([]);
  });

  it("costs another repository of the registry a request a layer and its config", async () => {
    const [one, two] = [`${proxy.host}/lab/one:1`, `${proxy.host}/lab/two:1`];
    await using engine = await engineWith(one, two);
    await engine.push(one);
    proxy.forget();
    const { tags } = await engine.push(two);
    expect(tags[0]!.layers.map(({ how, from }) => [how, from])).toEqual(IMAGE.layers.map(() => ["mounted", "lab/one"]));
    const posts = proxy.requests.filter(({ method }) => method === "POST");
    expect(posts).toHaveLength(IMAGE.layers.length + 1);
    expect(uploads()).toHaveLength(1);
  });

  it("is sent where the registry does not let its layer be mounted from another repository", async () => {
    const [one, two] = [`${proxy.host}/lab/secret:1`, `${proxy.host}/lab/open:1`];
    await using engine = await engineWith();
    for (const name of [one, two]) await engine.load({ file: archive(name, { ...IMAGE, layers: [IMAGE.layers[0]!] }) });
    await engine.push(one);
    proxy.rules = [{ method: "POST", path: "/lab/open/", nth: 1, fault: statusFault(403, "DENIED") }];
    const { tags } = await engine.push(two);
    proxy.rules = [];
    expect(tags[0]!.layers.map(({ how }) => how)).toEqual(["sent"]);
  });
});

describe("an image that was pulled", () => {
  const pulled = async (name: string, compress: "gzip" | "zstd" | "none"): Promise<Engine> => {
    await pushImage(proxy, name, IMAGE, { compress, form: "oci" });
    const engine = await openEngine({ root: join(scratchDirectory(), "root"), driver: "vfs" });
    await engine.pull(`${proxy.host}/${name}`);
    proxy.forget();
    return engine;
  };

  it("is pushed back without a blob being sent, and mounted in another repository", async () => {
    await using engine = await pulled("lab/back:1", "gzip");
    const back = await engine.push(`${proxy.host}/lab/back:1`);
    expect(back.tags[0]!.layers.map(({ how }) => how)).toEqual(["exists", "exists", "exists"]);
    expect(uploads()).toEqual([]);
    await engine.tag(`${proxy.host}/lab/back:1`, `${proxy.host}/lab/elsewhere:1`);
    const elsewhere = await engine.push(`${proxy.host}/lab/elsewhere:1`);
    expect(elsewhere.tags[0]!.layers.map(({ how, from }) => `${how} ${from}`)).toEqual(
      IMAGE.layers.map(() => "mounted lab/back"),
    );
    expect(elsewhere.tags[0]!.digest).toBe(back.tags[0]!.digest);
  });

  it.each([
    ["none", "exists", "application/vnd.docker.image.rootfs.diff.tar"],
    ["zstd", "sent", "application/vnd.docker.image.rootfs.diff.tar.gzip"],
  ] as const)("with layers compressed by %s gets a manifest that says what they are", async (compress, how, type) => {
    const name = `lab/of-${compress}:1`;
    await using engine = await pulled(name, compress);
    const { tags } = await engine.push(`${proxy.host}/${name}`);
    expect(tags[0]!.layers.map((layer) => [layer.how, layer.mediaType])).toEqual(IMAGE.layers.map(() => [how, type]));
  });
});

describe("skopeo, of an image that was pushed", () => {
  requires(program("skopeo"));

  it("copies it, with the image's own id and layers", async () => {
    await pushFresh("lab/skopeo:1", server.host);
    const directory = join(scratchDirectory(), "copy");
    const source = `docker://${server.host}/lab/skopeo:1`;
    const copied = spawnSync("skopeo", ["copy", "--src-tls-verify=false", source, `dir:${directory}`]);
    expect(copied.stderr.toString()).toBe("");
    const { config, layers } = JSON.parse(readFileSync(join(directory, "manifest.json"), "utf8"));
    expect(config.digest).toBe(id);
    const blobs = layers.map(({ digest }: { digest: string }) => readFileSync(join(directory, digest.slice(7))));
    expect(blobs.map((blob: Buffer) => digestOf(gunzipSync(blob)))).toEqual(diffIDs);
  });
});

describe("dockerd and a push", () => {
  const without = requires(dockerd());
  /** In memory, where a sync waits for nobody's disk. */
  let place: TestFileSystem | undefined;
  beforeAll(() => {
    if (missing === null && without === null) place = makeFileSystem("tmpfs");
  });
  afterAll(() => place?.[Symbol.dispose]());
  const newRoot = (): string => mkdtempSync(join(place!.directory, "root-"));

  it("pulls what layerfs pushed: the same id and the same layers", async () => {
    const name = `${server.host}/lab/pulled:1`;
    const { tags } = await pushFresh("lab/pulled:1", server.host);
    await whileRunning(await startDockerd(newRoot(), "overlay2"), async (daemon) => {
      expect(daemon.docker("pull", name)).toContain(`Digest: ${tags[0]!.digest}`);
      expect(daemon.docker("image", "inspect", "-f", "{{.Id}}", name)).toBe(id);
      expect(savedLayers(daemon, name)[name]).toEqual(diffIDs);
    });
  });

  it("pushed it before: layerfs sends nothing, makes the same manifest and leaves its records as they are", async () => {
    const root = newRoot();
    const name = `${server.host}/lab/dockers:1`;
    const printed = await whileRunning(await startDockerd(root, "overlay2"), async ({ docker }) => {
      docker("load", "-i", archive(`${server.host}/lab/dockers:1`));
      return docker("push", name);
    });
    const before = records(root);
    const { tags } = await withEngine(root, (engine) => engine.push(name));
    expect(printed.split("\n").at(-1)).toBe(`1: digest: ${tags[0]!.digest} size: ${tags[0]!.size}`);
    expect(tags[0]!.layers.map(({ how }) => how)).toEqual(IMAGE.layers.map(() => "exists"));
    expect(records(root)).toEqual(before);
  });

  it("takes the records of a push by layerfs for its own: it sends nothing either", async () => {
    const root = newRoot();
    const name = `${server.host}/lab/layerfs:1`;
    const { tags } = await withEngine(root, async (engine) => {
      await engine.load({ file: archive(`${server.host}/lab/layerfs:1`) });
      return engine.push(name);
    });
    const printed = await whileRunning(await startDockerd(root, "overlay2"), async ({ docker }) =>
      docker("push", name),
    );
    expect(printed.match(/Layer already exists/g)).toHaveLength(IMAGE.layers.length);
    expect(printed.split("\n").at(-1)).toBe(`1: digest: ${tags[0]!.digest} size: ${tags[0]!.size}`);
  });

  it("notes a push in the same files and forms", async () => {
    const name = `${server.host}/lab/notes:1`;
    const [docker, layerfs] = [newRoot(), newRoot()];
    await whileRunning(await startDockerd(docker, "overlay2"), async (daemon) => {
      daemon.docker("load", "-i", archive(`${server.host}/lab/notes:1`));
      daemon.docker("push", name);
    });
    await withEngine(layerfs, async (engine) => {
      await engine.load({ file: archive(`${server.host}/lab/notes:1`) });
      await engine.push(name);
    });
    expect(forms(records(layerfs))).toEqual(forms(records(docker)));
  });
});

describe("a push that is broken off", () => {
  const big = (seed: string): TestImage => ({
    tags: [],
    layers: [1, 2, 3].map((number) =>
      layerTar([{ name: "random", data: randomBytesOf(`${seed} ${number}`, 4 << 20) }]),
    ),
  });

  it("by SIGKILL shows no image in the registry and leaves nothing in the store, and goes on the next time", async () => {
    const root = join(scratchDirectory(), "root");
    const name = `${proxy.host}/lab/killed:1`;
    await withEngine(root, (engine) => engine.load({ file: archive(name, big("killed")) }), "vfs");
    for (const upload of [1, 2, 3]) {
      proxy.forget();
      const { process, ended } = startLayerfs(["--root", root, "-s", "vfs", "push", name]);
      while (uploads().length < upload && process.exitCode === null) await sleep(2);
      process.kill("SIGKILL");
      expect((await ended).signal).toBe("SIGKILL");
      expect((await send(`${server.url}/v2/lab/killed/manifests/1`)).status).toBe(404);
    }
    const { status, stderr } = await startLayerfs(["--root", root, "-s", "vfs", "push", "-q", name]).ended;
    expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
    expect(scanStore(root, "vfs")).toEqual([]);
    expect(digestOf(await read("lab/killed/manifests/1"))).toMatch(/^sha256:/);
  });

  it("by SIGINT ends with its status, and nothing is left in the store", async () => {
    const root = join(scratchDirectory(), "root");
    const name = `${proxy.host}/lab/interrupted:1`;
    await withEngine(root, (engine) => engine.load({ file: archive(name, big("interrupted")) }), "vfs");
    proxy.forget();
    const { process, ended } = startLayerfs(["--root", root, "-s", "vfs", "push", name]);
    while (uploads().length === 0 && process.exitCode === null) await sleep(2);
    process.kill("SIGINT");
    expect((await ended).status).toBe(130);
    expect((await send(`${server.url}/v2/lab/interrupted/manifests/1`)).status).toBe(404);
    await withEngine(root, (engine) => engine.tag(name, "again"), "vfs");
    expect(scanStore(root, "vfs")).toEqual([]);
  });

  it("by a registry that answers 503 for a while goes on by itself, and says so", async () => {
    const root = join(scratchDirectory(), "root");
    const name = `${proxy.host}/lab/flaky:1`;
    await withEngine(root, (engine) => engine.load({ file: archive(name) }), "vfs");
    proxy.rules = [
      { method: "PUT", path: "/uploads/", nth: 1, fault: statusFault(503, "UNAVAILABLE") },
      { method: "PUT", path: "/manifests/", nth: 1, fault: statusFault(503, "UNAVAILABLE", { "Retry-After": "1" }) },
    ];
    const { status, stderr } = await startLayerfs(["--root", root, "-s", "vfs", "push", name]).ended;
    proxy.rules = [];
    expect(status).toBe(0);
    expect(stderr).toMatch(new RegExp(`registry ${proxy.host}: .*503.*; trying again in \\d+ s\n`));
    expect(stderr).toMatch(new RegExp(`registry ${proxy.host} asks to wait 1 s: .*503`));
    expect((await send(`${server.url}/v2/lab/flaky/manifests/1`)).status).toBe(200);
  });

  it("by a registry that wants credentials names it, and the library says UNAUTHORIZED", async () => {
    await using closed = await startRegistry({ htpasswd: { user: "lab", password: "secret" } });
    const name = `${closed.host}/lab/closed:1`;
    await using engine = await engineWith(name);
    await expect(engine.push(name)).rejects.toMatchObject({
      code: "UNAUTHORIZED",
      message: expect.stringContaining(closed.host),
    });
    expect(scanStore(engine.root, "vfs")).toEqual([]);
  });

  it("by a changed file names layer and file, and the registry has nothing of that layer", async () => {
    const root = join(scratchDirectory(), "root");
    const name = `${proxy.host}/lab/changed:1`;
    await withEngine(root, (engine) => engine.load({ file: archive(name, big("changed")) }), "vfs");
    const [file] = readdirSync(join(root, "vfs/dir"), { recursive: true, encoding: "utf8" }).filter((path) =>
      path.endsWith("/random"),
    );
    const path = join(root, "vfs/dir", file!);
    const bytes = readFileSync(path);
    const layer = `sha256:${createHash("sha256")
      .update(layerTar([{ name: "random", data: bytes }]))
      .digest("hex")}`;
    bytes[1_000_000]! ^= 1;
    writeFileSync(path, bytes);
    const { status, stdout, stderr } = await startLayerfs(["--root", root, "-s", "vfs", "push", name]).ended;
    expect(status).toBe(1);
    expect(stdout).not.toContain("digest:");
    expect(storedTars()).not.toContain(layer);
    expect(stderr).toMatch(new RegExp(`^layerfs: layer ${layer}: file random of the layer: CRC-64 is .*\nhint: `));
    expect((await send(`${server.url}/v2/lab/changed/manifests/1`)).status).toBe(404);
    expect(readFileSync(path).equals(bytes)).toBe(true);
  });
});

/** The image under another name, in a docker-archive. */
function archive(name: string, image: TestImage = IMAGE): string {
  const file = join(scratchDirectory(), "image.tar");
  writeFileSync(file, dockerArchive([{ ...image, tags: [name] }]));
  return file;
}

async function engineWith(...names: readonly string[]): Promise<Engine> {
  const engine = await openEngine({ root: join(scratchDirectory(), "root"), driver: "vfs" });
  for (const name of names) await engine.load({ file: archive(name) });
  return engine;
}

async function pushFresh(repository: string, host = proxy.host): Promise<PushResult> {
  await using engine = await engineWith(`${host}/${repository}`);
  return await engine.push(`${host}/${repository}`);
}

async function withEngine<T>(root: string, use: (engine: Engine) => Promise<T>, driver = "overlay2"): Promise<T> {
  await using engine = await openEngine({ root, driver });
  return await use(engine);
}

async function whileRunning<T>(daemon: Dockerd, use: (daemon: Dockerd) => Promise<T>): Promise<T> {
  await using running = daemon;
  return await use(running);
}

async function read(path: string): Promise<Buffer> {
  const accept = "application/vnd.docker.distribution.manifest.v2+json";
  const { status, body } = await send(`${server.url}/v2/${path}`, { headers: { accept } });
  expect(status).toBe(200);
  return body;
}

/** Digests of what the registry's blobs hold gzipped. */
function storedTars(): string[] {
  const blobs = join(server.storage, "docker/registry/v2/blobs");
  const files = readdirSync(blobs, { recursive: true, encoding: "utf8" }).filter((path) => path.endsWith("/data"));
  expect(files).not.toEqual([]);
  const bytes = files.map((path) => readFileSync(join(blobs, path)));
  return bytes.filter((blob) => blob[0] === 0x1f).map((blob) => digestOf(gunzipSync(blob)));
}

/** Paths of the requests that brought a blob's bytes. */
function uploads(): string[] {
  const blobs = proxy.requests.filter(({ method, path }) => /^(PUT|PATCH)$/.test(method) && path.includes("/uploads/"));
  return blobs.map(({ path }) => path);
}

/** What is known of registries, by path. */
function records(root: string): Record<string, string> {
  const base = join(root, "image/overlay2");
  const files = readdirSync(join(base, "distribution"), { recursive: true, encoding: "utf8" })
    .filter((path) => /[0-9a-f]{64}$/.test(path))
    .map((path) => `distribution/${path}`);
  return Object.fromEntries(
    ["repositories.json", ...files].sort().map((path) => [path, readFileSync(join(base, path), "utf8")]),
  );
}

/** Without what differs by how dockerd compresses, and by whose credentials a blob was pushed with. */
function forms(files: Readonly<Record<string, string>>): string[] {
  return Object.entries(files)
    .map(([path, text]) => [path.replace(/(diffid-by-digest\/sha256\/).*/, "$1BLOB"), text])
    .map(
      ([path, text]) =>
        `${path} ${text!.replace(/(@|"Digest":")sha256:\w+/g, "$1BLOB").replace(/"HMAC":"\w*"/g, "HMAC")}`,
    )
    .sort();
}

function digestOf(bytes: Buffer): string {
  return `sha256:${createHash("sha256").update(bytes).digest("hex")}`;
}
