import { existsSync, readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";
import { describe, expect, it, onTestFinished } from "vitest";
import { chainIDs } from "../../src/core/chain-id.ts";
import { parseDigest } from "../../src/core/digest.ts";
import type { Engine, EngineOptions, ProgressEvent } from "../../src/engine/engine.ts";
import { openEngine } from "../../src/engine/open-engine.ts";
import { dockerd, startDockerd } from "../support/dockerd.ts";
import { overlay } from "../support/filesystems.ts";
import { sha256, type TestImage } from "../support/image-builder.ts";
import { startFaultProxy } from "../support/registry/fault-proxy.ts";
import { type PushedImage, pushImage, pushManifest } from "../support/registry/push-image.ts";
import { registry, startRegistry, type TestRegistry } from "../support/registry/registry.ts";
import { requires } from "../support/requires.ts";
import { sampleImages } from "../support/sample-images.ts";
import { scanStore } from "../support/scan-store.ts";
import { scratchDirectory } from "../support/scratch.ts";

describe.each(["overlay2", "vfs"] as const)("a pull, %s", (driver) => {
  requires(registry(), ...(driver === "overlay2" ? [overlay()] : []));

  it("brings an image in under its tag and its digest, and tells what came", async () => {
    const { server, engine } = await site(driver);
    const pushed = await pushImage(server, "lab/a:1", image("a:1"));
    const events: ProgressEvent[] = [];
    const result = await engine.pull(`${server.host}/lab/a:1`, { onProgress: (event) => events.push(event) });
    const name = `${server.host}/lab/a:1`;
    const digest = pushed.manifest.digest;
    expect(result).toEqual({ name, reference: name, images: [{ id: pushed.id, name, digest, isNew: true }] });
    expect((await engine.inspect(name)).RepoDigests).toEqual([`${server.host}/lab/a@${digest}`]);
    expect(scanStore(engine.root, driver)).toEqual([]);
    expect(names(join(engine.root, "layerfs/blobs"))).toEqual(["lock"]);
    const came = new Map<string, number>();
    for (const event of events)
      if (event.type === "download-progress") came.set(event.layer, (came.get(event.layer) ?? 0) + event.bytes);
    expect([...came.values()].sort()).toEqual(pushed.layers.map(({ size }) => size).sort());
    expect(events[0]).toEqual({ type: "pull-start", tagOrDigest: "1", repository: "lab/a" });
    expect(events.at(-1)).toEqual({ type: "pull-done", tagOrDigest: "1", digest });
  });

  it("fetches nothing of what is there, whoever brought it", async () => {
    const { server, engine } = await site(driver);
    await pushImage(server, "lab/a:1", image("a:1"));
    await using proxy = await startFaultProxy(server);
    const first = await pushImage(server, "lab/b:1", image("b:1"));
    await engine.pull(`${server.host}/lab/a:1`);
    const known: ProgressEvent[] = [];
    await engine.pull(`${proxy.host}/lab/b:1`, { onProgress: (event) => known.push(event) });
    const shared = first.layers.slice(0, 2).map(({ digest }) => digest);
    expect(known.slice(1, 3)).toMatchObject(shared.map((blob) => ({ type: "layer-exists", blob })));
    expect(shared.map((digest) => proxy.bytesOf(digest))).toEqual([0, 0]);
    proxy.forget();
    expect(await engine.pull(`${proxy.host}/lab/b:1`)).toMatchObject({ images: [{ isNew: false }] });
    expect(proxy.requests.filter(({ path }) => path.includes("/blobs/"))).toEqual([]);
  });

  it("pulls by digest, which then is the only name", async () => {
    const { server, engine } = await site(driver);
    const { id, manifest } = await pushImage(server, "lab/a", image("a:1"));
    const name = `${server.host}/lab/a@${manifest.digest}`;
    expect(await engine.pull(name)).toMatchObject({ name, images: [{ id, name, digest: manifest.digest }] });
    expect((await engine.inspect(id)).RepoTags).toEqual([]);
  });

  it("pulls all tags of a repository", async () => {
    const { server, engine } = await site(driver);
    const a = await pushImage(server, "lab/all:1", image("a:1"));
    const b = await pushImage(server, "lab/all:2", image("b:1"));
    const { images, reference } = await engine.pull(`${server.host}/lab/all`, { allTags: true });
    const found = images.toSorted((one, other) => (one.name < other.name ? -1 : 1));
    expect(found.map(({ id }) => id)).toEqual([a.id, b.id]);
    expect(reference).toBe(`${server.host}/lab/all`);
    await expect(engine.pull(`${server.host}/lab/all:1`, { allTags: true })).rejects.toMatchObject({ code: "USAGE" });
  });

  it("chooses the platform, out of an index in an index too, and shows the outer one's digest", async () => {
    const { server, engine } = await site(driver);
    const amd64 = await pushImage(server, "lab/p", image("a:1"));
    const arm64 = await pushImage(server, "lab/p", { ...image("c:1"), config: { architecture: "arm64" } });
    const index = await pushIndex(server, "lab/p", [
      { ...amd64.manifest, platform: { os: "linux", architecture: "amd64" } },
      { ...arm64.manifest, platform: { os: "linux", architecture: "arm64" } },
    ]);
    const outer = await pushIndex(server, "lab/p:1", [index]);
    const reference = `${server.host}/lab/p:1`;
    expect(await engine.pull(reference, { platform: "linux/arm64" })).toMatchObject({
      images: [{ id: arm64.id, digest: outer.digest }],
    });
    expect(await engine.pull(reference, { platform: "linux/amd64" })).toMatchObject({ images: [{ id: amd64.id }] });
    await expect(engine.pull(reference, { platform: "linux/s390x" })).rejects.toMatchObject({
      code: "NOT_FOUND",
      message: expect.stringMatching(/lab\/p.*linux\/s390x.*linux\/amd64, linux\/arm64/),
    });
  });

  it.each([
    ["a manifest that is none", { schemaVersion: 2 }, "INVALID_MANIFEST"],
    ["an index of nothing", { schemaVersion: 2, manifests: [] }, "INVALID_MANIFEST"],
    ["schema 1", { schemaVersion: 1, fsLayers: [] }, "UNSUPPORTED"],
  ])("refuses %s, and says where it is", async (_, document, code) => {
    const { server, engine } = await site(driver);
    await pushImage(server, "lab/a:1", image("a:1"));
    await using proxy = await startFaultProxy(server);
    const kind = "manifests" in document ? "index" : "manifest";
    const headers = { "Content-Type": `application/vnd.oci.image.${kind}.v1+json` };
    proxy.rules = [
      { path: "/manifests/", fault: { answer: { status: 200, headers, body: JSON.stringify(document) } } },
    ];
    const message = expect.stringMatching(`registry ${proxy.host}: .*lab/a`);
    await expect(engine.pull(`${proxy.host}/lab/a:1`)).rejects.toMatchObject({ code, message });
  });

  it("refuses an altered layer, names it and where it came from, and keeps nothing of it", async () => {
    const { server, engine } = await site(driver);
    const { layers } = await pushImage(server, "lab/a:1", image("a:1"));
    const bad = layers[1]!;
    await using proxy = await startFaultProxy(server);
    proxy.rules = [{ path: bad.digest, fault: { alterAt: Math.floor(bad.size / 2) } }];
    const failure = engine.pull(`${proxy.host}/lab/a:1`);
    await expect(failure).rejects.toMatchObject({
      code: "DIGEST_MISMATCH",
      message: expect.stringMatching(`registry ${proxy.host}: repository lab/a: layer blob ${bad.digest}: .*sha256:`),
    });
    expect(proxy.downloadsOf(bad.digest)).toHaveLength(1);
    expect(names(join(engine.root, "layerfs/blobs")).some((name) => name === bad.digest.replace(":", "-"))).toBe(false);
    expect(await engine.images()).toEqual([]);
    expect(scanStore(engine.root, driver)).toEqual([]);
    proxy.rules = [];
    proxy.forget();
    await engine.pull(`${proxy.host}/lab/a:1`);
    expect(proxy.bytesOf(bad.digest)).toBe(bad.size);
  });

  it("begins a layer anew whose bytes from an earlier attempt are wrong", async () => {
    const { server, engine } = await site(driver);
    const { id, layers } = await pushImage(server, "lab/a:1", image("a:1"));
    const bad = layers[0]!;
    await using proxy = await startFaultProxy(server);
    const cut = Math.floor(bad.size / 2);
    proxy.rules = [{ path: bad.digest, fault: { alterAt: 100, cutAfter: cut }, nth: 1 }];
    proxy.rules.push({ path: bad.digest, fault: { answer: { status: 404 } }, nth: (count) => count < 8 });
    await expect(engine.pull(`${proxy.host}/lab/a:1`)).rejects.toMatchObject({ code: "NOT_FOUND" });
    proxy.rules = [];
    proxy.forget();
    expect(await engine.pull(`${proxy.host}/lab/a:1`)).toMatchObject({ images: [{ id }] });
    const ranges = proxy.downloadsOf(bad.digest).map(({ range }) => range);
    expect(ranges).toEqual([expect.stringMatching(/^bytes=\d+-$/), null]);
  });
});

describe("beside dockerd", () => {
  requires(registry(), overlay(), dockerd());

  it("leaves on disk what dockerd leaves, and dockerd goes on with it", { timeout: 120_000 }, async () => {
    const { server, engine } = await site("overlay2");
    const pushed = await pushImage(server, "lab/c:1", image("c:1"));
    const reference = `${server.host}/lab/c:1`;
    await engine.pull(reference);
    await engine[Symbol.asyncDispose]();
    const theirs = scratchDirectory();
    {
      await using daemon = await startDockerd(theirs, "overlay2");
      daemon.docker("pull", reference);
    }
    const ours = engine.root;
    expect(recordsOf(ours, pushed)).toEqual(recordsOf(theirs, pushed));
    await using daemon = await startDockerd(ours, "overlay2");
    expect(
      daemon.docker("images", "--digests", "--no-trunc", "--format", "{{.Repository}} {{.Tag}} {{.Digest}} {{.ID}}"),
    ).toBe(`${server.host}/lab/c 1 ${pushed.manifest.digest} ${pushed.id}`);
    expect(daemon.docker("pull", reference)).toContain(`Status: Image is up to date for ${reference}`);
    expect(daemon.docker("create", reference, "x")).toMatch(/^[0-9a-f]{64}$/);
  });
});

function image(name: string): TestImage {
  return sampleImages(1).find((sample) => sample.name === name)!.image;
}

async function site(driver: "overlay2" | "vfs"): Promise<{ server: TestRegistry; engine: Engine }> {
  const server = await startRegistry();
  onTestFinished(() => server[Symbol.asyncDispose]());
  const options: EngineOptions = {
    root: join(scratchDirectory(), "root"),
    driver,
    registries: { environment: {}, retry: { firstWait: 10 }, dockerConfigDirectory: scratchDirectory() },
  };
  const engine = await openEngine(options);
  onTestFinished(() => engine[Symbol.asyncDispose]());
  return { server, engine };
}

async function pushIndex(server: TestRegistry, name: string, manifests: readonly object[]) {
  const mediaType = "application/vnd.oci.image.index.v1+json";
  return pushManifest(server, name, mediaType, Buffer.from(JSON.stringify({ schemaVersion: 2, mediaType, manifests })));
}

/**
 * What dockerd records of an image that it pulled, with the modes of the files. Left out: ids that are made up, and the
 * sizes of layers, into which dockerd on overlay2 counts the length of symlinks.
 */
function recordsOf(root: string, { id, layers }: PushedImage): Record<string, unknown> {
  const db = join(root, "image/overlay2");
  const config = readFileSync(join(db, "imagedb/content/sha256", id.slice(7)));
  const diffIDs: string[] = JSON.parse(config.toString()).rootfs.diff_ids;
  const chain = chainIDs(diffIDs.map(parseDigest));
  const paths = [
    "repositories.json",
    `imagedb/content/sha256/${id.slice(7)}`,
    ...layers.map(({ digest }) => `distribution/diffid-by-digest/sha256/${digest.slice(7)}`),
    ...diffIDs.map((diffID) => `distribution/v2metadata-by-diffid/sha256/${diffID.slice(7)}`),
    ...chain.flatMap((chainID) => ["diff", "parent"].map((field) => `layerdb/sha256/${chainID.slice(7)}/${field}`)),
  ].filter((path) => !path.endsWith(`${chain[0]!.slice(7)}/parent`));
  const directories = [
    "distribution",
    "distribution/diffid-by-digest",
    "distribution/diffid-by-digest/sha256",
    "distribution/v2metadata-by-diffid",
    "distribution/v2metadata-by-diffid/sha256",
  ];
  const mode = (path: string): string => (statSync(join(db, path)).mode & 0o7777).toString(8);
  return {
    files: paths.map((path) => `${mode(path)} ${path} ${readFileSync(join(db, path), "latin1")}`),
    directories: directories.map((path) => `${mode(path)} ${path} ${names(join(db, path)).length}`),
    metadata: names(join(db, "imagedb/metadata/sha256")),
    tarSplit: chain.map((chainID) =>
      sha256(gunzipSync(readFileSync(join(db, "layerdb/sha256", chainID.slice(7), "tar-split.json.gz")))),
    ),
  };
}

function names(directory: string): string[] {
  return existsSync(directory) ? readdirSync(directory).sort() : [];
}
