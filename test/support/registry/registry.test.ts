import { existsSync } from "node:fs";
import { dirname } from "node:path";
import { describe, expect, it } from "vitest";
import { OciLayout } from "../oci-builder.ts";
import { requires } from "../requires.ts";
import { sampleImages } from "../sample-images.ts";
import { makeCertificates } from "./certificates.ts";
import { pushImage, pushLayout } from "./push-image.ts";
import { registry, startRegistry } from "./registry.ts";
import { send } from "./send.ts";

const [sample] = sampleImages(0.1);

describe("a registry of the test's own", () => {
  requires(registry());

  it.each(["docker", "oci"] as const)("holds an image that was pushed in %s form", async (form) => {
    await using server = await startRegistry();
    const pushed = await pushImage(server, "lab/a:1", sample!.image, { form });
    expect(pushed.id).toBe(sample!.id);
    const headers = { Accept: pushed.manifest.mediaType };
    const manifest = await send(`${server.url}/v2/lab/a/manifests/1`, { headers });
    expect(manifest.headers["docker-content-digest"]).toBe(pushed.manifest.digest);
    for (const { digest, size } of [pushed.config, ...pushed.layers]) {
      const blob = await send(`${server.url}/v2/lab/a/blobs/${digest}`);
      expect(blob).toMatchObject({ status: 200, body: { length: size } });
    }
  });

  it("holds an index with its images", async () => {
    await using server = await startRegistry();
    const layout = new OciLayout();
    const index = layout.index([layout.image(sample!.image), layout.image(sample!.image, { manifest: { a: "b" } })]);
    await pushLayout(server, "lab/many:1", layout.entries(index).write());
    const headers = { Accept: index.mediaType };
    expect(await send(`${server.url}/v2/lab/many/manifests/1`, { headers })).toMatchObject({ status: 200 });
  });

  it("asks for a password where it has one", async () => {
    await using server = await startRegistry({ htpasswd: { user: "me", password: "se:cret" } });
    await expect(pushImage(server, "lab/a:1", sample!.image)).rejects.toThrow("401");
    const authorization = `Basic ${Buffer.from("me:se:cret").toString("base64")}`;
    await pushImage({ ...server, authorization }, "lab/a:1", sample!.image);
  });

  it("speaks TLS to those who trust its authority", async () => {
    await using server = await startRegistry({ tls: makeCertificates() });
    await expect(send(`${server.url}/v2/`)).rejects.toThrow("certificate");
    await pushImage(server, "lab/a:1", sample!.image);
  });

  it("leaves nothing behind", async () => {
    const server = await startRegistry();
    await server[Symbol.asyncDispose]();
    await expect(send(`${server.url}/v2/`)).rejects.toThrow("ECONNREFUSED");
    expect(existsSync(dirname(server.storage))).toBe(false);
  });
});
