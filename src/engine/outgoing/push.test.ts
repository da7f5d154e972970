import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";
import { describe, expect, it } from "vitest";
import type { TestImage } from "../../../test/support/image-builder.ts";
import { type MemoryRegistry, memoryRegistry } from "../../../test/support/memory-registry.ts";
import { randomBytesOf } from "../../../test/support/random.ts";
import { scanStore } from "../../../test/support/scan-store.ts";
import { loadImages, testEngine } from "../../../test/support/stores.ts";
import { layerTar } from "../../../test/support/tar-builder.ts";
import { digestHex, digestOf } from "../../core/digest.ts";
import { parseManifest } from "../../core/manifest.ts";
import { chooseDriver } from "../../driver/choose.ts";
import { imageChains } from "../../image/image-db.ts";
import { imageLayout } from "../../image/layout.ts";
import { layerStore } from "../../layer/store.ts";
import { mountHolders } from "../../mount/holders.ts";
import type { Engine, ProgressEvent } from "../engine.ts";
import type { Stores } from "../stores.ts";
import { type PushOptions, type PushResult, pushImages } from "./push.ts";

const base = layerTar([
  { name: "etc/", type: "directory" },
  { name: "etc/passwd", data: "root:x:0:0::/:/bin/sh\n" },
]);
const top = layerTar([{ name: "data", data: randomBytesOf("push", 300_000) }]);
const empty = Buffer.alloc(1024);
const X = "127.0.0.1:5000/lab/x:1";
const Y = "127.0.0.1:5000/lab/y:1";
const image = (tags: readonly string[], layers: readonly Buffer[] = [base, top]): TestImage => ({ tags, layers });

describe("pushImages", () => {
  it("sends config, layers and a manifest in Docker's form, by which the image has its own id", async () => {
    const { registry, push, engine } = await withImages([image([X])]);
    const { repository, tags } = await push(X);
    const manifest = registry.manifests.get("lab/x:1")!;
    const { config, layers, mediaType } = parseManifest(manifest.bytes);
    expect(repository).toBe("127.0.0.1:5000/lab/x");
    expect(tags).toMatchObject([{ tag: "1", digest: digestOf(manifest.bytes), size: manifest.bytes.length }]);
    expect(mediaType).toBe("application/vnd.docker.distribution.manifest.v2+json");
    expect(config.digest).toBe((await engine.inspect(X)).Id);
    const sent = layers.map(({ digest, size }) => {
      const blob = registry.blobs.get("lab/x")!.get(digest)!;
      expect(blob).toHaveLength(size);
      return digestOf(gunzipSync(blob));
    });
    expect(sent).toEqual([digestOf(base), digestOf(top)]);
    expect(layers.map((layer) => layer.mediaType)).toEqual(
      Array(2).fill("application/vnd.docker.image.rootfs.diff.tar.gzip"),
    );
    expect(registry.requests.at(-1)).toBe("put 1");
  });

  it("gives the image the name by digest that dockerd gives it, and leaves nothing else", async () => {
    const { push, engine, stores } = await withImages([image([X])]);
    const { tags } = await push(X);
    await push(X);
    expect((await engine.inspect(X)).RepoDigests).toEqual([`127.0.0.1:5000/lab/x@${tags[0]!.digest}`]);
    expect(scanStore(stores.root, "vfs")).toEqual([]);
  });

  it("sends nothing again, and compresses nothing again", async () => {
    const { registry, push } = await withImages([image([X])]);
    const first = await push(X);
    registry.requests.length = 0;
    const events: ProgressEvent[] = [];
    const again = await push(X, { onProgress: (event) => events.push(event) });
    expect(again.tags[0]!.digest).toBe(first.tags[0]!.digest);
    expect(again.tags[0]!.layers.map(({ how }) => how)).toEqual(["exists", "exists"]);
    expect(registry.requests.filter((request) => !request.startsWith("stat"))).toEqual(["put 1"]);
    expect(events.map(({ type }) => type)).toEqual(["push-start", "layer-exists", "layer-exists", "push-done"]);
  });

  it("sends the same blobs from another store and another driver", async () => {
    const one = await withImages([image([X])]);
    const other = await withImages([image([X])], "overlay2");
    expect((await other.push(X)).tags).toEqual((await one.push(X)).tags);
  });

  it("finds what another store pushed, once it has compressed it", async () => {
    const { registry, push } = await withImages([image([X])]);
    await push(X);
    registry.requests.length = 0;
    const other = await withImages([image([X])], "vfs", registry);
    expect((await other.push(X)).tags[0]!.layers.map(({ how }) => how)).toEqual(["exists", "exists"]);
    expect(registry.requests.filter((request) => request.startsWith("upload"))).toEqual([]);
  });

  it("mounts from another repository of the registry what that has", async () => {
    const { registry, push } = await withImages([image([X, Y])]);
    await push(X);
    registry.requests.length = 0;
    const { tags } = await push(Y);
    expect(tags[0]!.layers.map(({ how, from }) => [how, from])).toEqual([
      ["mounted", "lab/x"],
      ["mounted", "lab/x"],
    ]);
    const [config] = registry.requests.filter((request) => request.startsWith("upload"));
    expect(config).toBe(`upload ${parseManifest(registry.manifests.get("lab/y:1")!.bytes).config.digest}`);
  });

  it("sends what the registry has lost since", async () => {
    const { registry, push } = await withImages([image([X, Y])]);
    const { tags } = await push(X);
    registry.blobs.clear();
    expect((await push(X)).tags[0]).toMatchObject({
      digest: tags[0]!.digest,
      layers: [{ how: "sent" }, { how: "sent" }],
    });
    registry.blobs.clear();
    expect((await push(Y)).tags[0]).toMatchObject({
      digest: tags[0]!.digest,
      layers: [{ how: "sent" }, { how: "sent" }],
    });
  });

  it("sends a layer that an image has several times once", async () => {
    const { registry, push } = await withImages([image([X], [base, empty, top, empty])]);
    const { tags } = await push(X);
    expect(tags[0]!.layers.map(({ diffID }) => diffID)).toEqual([base, empty, top, empty].map(digestOf));
    expect(new Set(registry.requests).size).toBe(registry.requests.length);
    expect(parseManifest(registry.manifests.get("lab/x:1")!.bytes).layers).toHaveLength(4);
  });

  it("pushes all tags of a repository, in order, and their common layers once", async () => {
    const other = "127.0.0.1:5000/lab/x:2";
    const { registry, push } = await withImages([image([other], [base]), image([X])]);
    const { tags } = await push("127.0.0.1:5000/lab/x", { allTags: true });
    expect(tags.map(({ tag, layers }) => [tag, layers.map(({ how }) => how)])).toEqual([
      ["1", ["sent", "sent"]],
      ["2", ["exists"]],
    ]);
    expect([...registry.manifests.keys()]).toEqual(["lab/x:1", "lab/x:2"]);
  });

  it.each([
    ["127.0.0.1:5000/lab/z:1", {}, "NOT_FOUND", "An image does not exist locally with the tag: 127.0.0.1:5000/lab/z"],
    ["127.0.0.1:5000/lab/x", {}, "NOT_FOUND", "tag does not exist: 127.0.0.1:5000/lab/x:latest"],
    [X, { allTags: true }, "USAGE", "tag can't be used with --all-tags/-a"],
    [`${X}@${digestOf("a")}`, {}, "INVALID_REFERENCE", "cannot push a digest reference"],
    ["lab/X", {}, "INVALID_REFERENCE", "must be in lower case"],
  ])("refuses %s %o", async (name, options, code, message) => {
    const { registry, push } = await withImages([image([X])]);
    await expect(push(name, options)).rejects.toMatchObject({ code, message: expect.stringContaining(message) });
    expect(registry.requests).toEqual([]);
  });

  it("sends nothing of a layer in which a file was changed, and names both", async () => {
    const { registry, push, stores } = await withImages([image([X])]);
    const file = filesNamed(join(stores.root, "vfs/dir"), "data")[0]!;
    const bytes = readFileSync(file);
    bytes[7]! ^= 1;
    writeFileSync(file, bytes);
    await expect(push(X)).rejects.toMatchObject({
      code: "DIGEST_MISMATCH",
      message: expect.stringMatching(`^layer ${digestOf(top)}: file data of the layer: CRC-64 is `),
    });
    expect(registry.manifests.size).toBe(0);
    const sent = [...(registry.blobs.get("lab/x")?.values() ?? [])].map((blob) => digestOf(gunzipSync(blob)));
    expect(sent).not.toContain(digestOf(top));
    expect(scanStore(stores.root, "vfs")).toEqual([]);
  });

  it("names a record of what registries have that is damaged, and sends no manifest", async () => {
    const { registry, push, stores } = await withImages([image([X])]);
    await push(X);
    registry.manifests.clear();
    const path = join(stores.images.distribution, "v2metadata-by-diffid/sha256", digestHex(digestOf(top)));
    writeFileSync(path, "{");
    await expect(push(X)).rejects.toMatchObject({ code: "CORRUPT_STORE", message: expect.stringContaining(path) });
    expect(registry.manifests.size).toBe(0);
  });

  it("gives the other layers up where one fails, and finds later what had been sent", async () => {
    let refused = 0;
    const registry = memoryRegistry(() => {
      if (refused++ === 1) throw new Error("no more today");
    });
    const { push, stores } = await withImages([image([X])], "vfs", registry);
    await expect(push(X)).rejects.toThrow("no more today");
    expect(registry.manifests.size).toBe(0);
    expect(scanStore(stores.root, "vfs")).toEqual([]);
    const { tags } = await push(X);
    expect(tags[0]!.layers.map(({ how }) => how).sort()).toEqual(["exists", "sent"]);
  });

  it("stops when it is cancelled", async () => {
    const { registry, push, stores } = await withImages([image([X])]);
    const stop = new AbortController();
    const onProgress = (): void => stop.abort();
    await expect(push(X, { signal: stop.signal, onProgress })).rejects.toMatchObject({ code: "CANCELLED" });
    expect(registry.manifests.size).toBe(0);
    expect(scanStore(stores.root, "vfs")).toEqual([]);
  });
});

interface Pushing {
  readonly registry: MemoryRegistry;
  readonly engine: Engine;
  readonly stores: Stores;
  push(name: string, options?: PushOptions): Promise<PushResult>;
}

async function withImages(
  images: readonly TestImage[],
  driver: "vfs" | "overlay2" = "vfs",
  registry: MemoryRegistry = memoryRegistry(),
): Promise<Pushing> {
  const engine = await testEngine(driver);
  await loadImages(engine, images);
  const stores = await storesOf(engine.root, driver);
  return {
    registry,
    engine,
    stores,
    push: (name, options = {}) => pushImages(stores, registry.repository, name, options),
  };
}

async function storesOf(root: string, name: string): Promise<Stores> {
  const { driver } = await chooseDriver({ root, name, options: new Map(), readOnly: false, mayTry: false });
  const images = imageLayout(root, name);
  const layers = layerStore({ root, driver, imageChains: () => imageChains(images), mountedIDs: () => [] });
  return { root, layers, images, holders: mountHolders(root), choice: [], maxLayerSize: null, ignoreOwners: false };
}

function filesNamed(directory: string, name: string): string[] {
  const found = readdirSync(directory, { recursive: true, encoding: "utf8" });
  return found.filter((path) => path.endsWith(`/${name}`)).map((path) => join(directory, path));
}
