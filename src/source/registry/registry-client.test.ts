import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { gzipSync } from "node:zlib";
import { describe, expect, it } from "vitest";
import { collect } from "../../../test/support/apply.ts";
import { pushImage } from "../../../test/support/registry/push-image.ts";
import { registry, startRegistry } from "../../../test/support/registry/registry.ts";
import { QUIET_SETTINGS } from "../../../test/support/registry/settings.ts";
import { requires } from "../../../test/support/requires.ts";
import { sampleImages } from "../../../test/support/sample-images.ts";
import { digestOf } from "../../core/digest.ts";
import { registryClient } from "./registry-client.ts";

const [sample] = sampleImages(0.1);

describe("a registry that lets everybody in", () => {
  requires(registry());

  it("gives manifests by tag and by digest, and blobs from any byte", async () => {
    await using server = await startRegistry();
    const pushed = await pushImage(server, "lab/a:1", sample!.image);
    await using client = registryClient(QUIET_SETTINGS);
    const repository = client.repository({ domain: server.host, path: "lab/a" });
    const manifest = await repository.fetchManifest("1", {});
    expect(manifest).toMatchObject({ digest: pushed.manifest.digest, mediaType: pushed.manifest.mediaType });
    expect((await repository.fetchManifest(manifest.digest, {})).bytes).toEqual(manifest.bytes);
    const layer = JSON.parse(Buffer.from(manifest.bytes).toString()).layers[0];
    const whole = await collect(repository.openBlob(layer, {}));
    expect(digestOf(whole)).toBe(layer.digest);
    expect(await collect(repository.openBlob(layer, { offset: 100 }))).toEqual(whole.subarray(100));
    expect(await collect(repository.openBlob(layer, { offset: layer.size }))).toEqual(Buffer.alloc(0));
    expect(await repository.listTags({})).toEqual(["1"]);
  });

  it("takes blobs and manifests, in one piece and in chunks, and mounts blobs of other repositories", async () => {
    await using server = await startRegistry();
    const bytes = gzipSync(Buffer.alloc(100_000, 7));
    const blob = { digest: digestOf(bytes), size: bytes.length };
    const read = async function* (): AsyncGenerator<Uint8Array> {
      yield bytes.subarray(0, 10);
      yield bytes.subarray(10);
    };
    for (const uploadChunkSize of [undefined, 50]) {
      await using client = registryClient({ ...QUIET_SETTINGS, uploadChunkSize });
      const path = `lab/chunk${uploadChunkSize ?? "less"}`;
      const repository = client.repository({ domain: server.host, path });
      expect(await repository.hasBlob(blob.digest, {})).toBe(false);
      await repository.uploadBlob(blob, read, {});
      await repository.uploadBlob(blob, read, {});
      expect(await repository.hasBlob(blob.digest, {})).toBe(true);
      const mounted = client.repository({ domain: server.host, path: `${path}/mounted` });
      expect(await mounted.mountBlob(blob.digest, path, {})).toBe(true);
      expect(await mounted.mountBlob(digestOf("nothing"), path, {})).toBe(false);
      expect(await collect(mounted.openBlob(blob, {}))).toEqual(bytes);
    }
  });

  it("keeps manifests as they are sent", async () => {
    await using server = await startRegistry();
    const pushed = await pushImage(server, "lab/a:1", sample!.image);
    await using client = registryClient(QUIET_SETTINGS);
    const repository = client.repository({ domain: server.host, path: "lab/a" });
    const manifest = await repository.fetchManifest("1", {});
    await repository.putManifest(manifest, "2", {});
    expect(await repository.fetchManifest("2", {})).toEqual(manifest);
    expect((await repository.listTags({})).sort()).toEqual(["1", "2"]);
    expect(await repository.hasManifest(manifest.digest, {})).toBe(true);
    expect(await repository.hasManifest(digestOf("other"), {})).toBe(false);
    expect(pushed.manifest.digest).toBe(manifest.digest);
  });
});

describe("a registry whose pages of tags lead in a circle", () => {
  it("is not asked for ever", async () => {
    let asked = 0;
    const server = createServer((_request, response) => {
      asked += 1;
      response.setHeader("Link", '</v2/lab/a/tags/list?last=1>; rel="next"').end('{"tags":["1"]}');
    });
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    const domain = `127.0.0.1:${(server.address() as AddressInfo).port}`;
    try {
      await using client = registryClient({ ...QUIET_SETTINGS, insecureRegistries: [domain] });
      const listing = client.repository({ domain, path: "lab/a" }).listTags({ signal: AbortSignal.timeout(3000) });
      await expect(listing).rejects.toMatchObject({
        code: "REGISTRY",
        message: `registry ${domain}: tags of lab/a: it leads from page to page without another tag`,
      });
    } finally {
      server.closeAllConnections();
      server.close();
    }
    expect(asked).toBeLessThan(10);
  });
});
