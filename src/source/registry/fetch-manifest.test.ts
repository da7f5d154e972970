import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { type FaultProxy, startFaultProxy } from "../../../test/support/registry/fault-proxy.ts";
import { type Fault, htmlFault, statusFault } from "../../../test/support/registry/faults.ts";
import { type PushedImage, pushImage, pushManifest } from "../../../test/support/registry/push-image.ts";
import { registry, startRegistry, type TestRegistry } from "../../../test/support/registry/registry.ts";
import { QUIET_SETTINGS } from "../../../test/support/registry/settings.ts";
import { requires } from "../../../test/support/requires.ts";
import { sampleImages } from "../../../test/support/sample-images.ts";
import { digestOf } from "../../core/digest.ts";
import { type RegistryClient, registryClient } from "./registry-client.ts";
import type { FetchedManifest, Repository } from "./repository.ts";
import type { RetryEvent } from "./retry.ts";

const [sample] = sampleImages(0.1);
const OCI_MANIFEST = "application/vnd.oci.image.manifest.v1+json";
const OCI_INDEX = "application/vnd.oci.image.index.v1+json";
const SCHEMA_1 = "application/vnd.docker.distribution.manifest.v1+prettyjws";

describe("a manifest", () => {
  const missing = requires(registry());
  let server: TestRegistry;
  let proxy: FaultProxy;
  let client: RegistryClient;
  let pushed: PushedImage;
  let repository: Repository;
  let retries: RetryEvent[];

  beforeAll(async () => {
    if (missing !== null) return;
    server = await startRegistry();
    proxy = await startFaultProxy(server);
    client = registryClient(QUIET_SETTINGS);
    pushed = await pushImage(server, "lab/a:1", sample!.image);
    repository = client.repository({ domain: proxy.host, path: "lab/a" });
  });
  beforeEach(() => {
    if (missing !== null) return;
    proxy.rules = [];
    proxy.forget();
    retries = [];
  });
  afterAll(async () => {
    await client?.[Symbol.asyncDispose]();
    await proxy?.[Symbol.asyncDispose]();
    await server?.[Symbol.asyncDispose]();
  });

  const fetch = (fault: Fault, tagOrDigest = "1", nth?: number): Promise<FetchedManifest> => {
    proxy.rules = [{ path: "/manifests/", fault, ...(nth !== undefined && { nth }) }];
    return repository.fetchManifest(tagOrDigest, { onRetry: (event) => void retries.push(event) });
  };
  const answer = (body: unknown, type: string): Fault => ({
    answer: {
      status: 200,
      headers: { "Content-Type": type },
      body: typeof body === "string" ? body : JSON.stringify(body),
    },
  });

  it("is refused where its bytes are not those of the digest that was asked for", async () => {
    await expect(fetch({ alterAt: 10 }, pushed.manifest.digest)).rejects.toMatchObject({
      code: "DIGEST_MISMATCH",
      message: expect.stringContaining(
        `registry ${proxy.host}: manifest lab/a@${pushed.manifest.digest}: manifest verification failed for digest ${pushed.manifest.digest}`,
      ),
    });
  });

  it("is refused where its bytes are not those of the digest that the registry gives", async () => {
    await expect(fetch({ alterAt: 10 })).rejects.toMatchObject({ code: "DIGEST_MISMATCH" });
    await expect(fetch({ headers: { "Docker-Content-Digest": "sha256:1" } })).rejects.toMatchObject({
      code: "REGISTRY",
    });
  });

  it("has the digest of its bytes where the registry gives none, or one that cannot be verified", async () => {
    for (const value of [null, `md5:${"0".repeat(32)}`]) {
      const found = await fetch({ headers: { "Docker-Content-Digest": value } });
      expect(found.digest).toBe(pushed.manifest.digest);
    }
  });

  it("is accepted in every form but schema 1", async () => {
    await fetch({});
    const accepted = proxy.requests[0]?.headers.accept ?? "";
    expect(accepted.split(", ")).toHaveLength(4);
    expect(accepted).not.toContain("manifest.v1+prettyjws");
  });

  it.each([
    ["by the registry's word", SCHEMA_1, { schemaVersion: 1 }],
    ["by its own", "application/json", { schemaVersion: 1, fsLayers: [] }],
  ])("of Docker's schema 1, %s, is refused by that name", async (_, type, body) => {
    await expect(fetch(answer(body, type))).rejects.toMatchObject({
      code: "UNSUPPORTED",
      message: expect.stringContaining("schema 1"),
    });
  });

  it.each([
    [{ schemaVersion: 2, manifests: [] }, "text/plain", OCI_INDEX],
    [{ schemaVersion: 2, config: {}, layers: [] }, "application/octet-stream", OCI_MANIFEST],
    [{ schemaVersion: 2, mediaType: OCI_INDEX, manifests: [] }, "application/json", OCI_INDEX],
    [{ schemaVersion: 2, manifests: [] }, `${OCI_INDEX}; charset=utf-8`, OCI_INDEX],
  ])("%j that the registry calls %s is of type %s", async (body, told, expected) => {
    expect((await fetch(answer(body, told))).mediaType).toBe(expected);
  });

  it("is refused where it says of itself to be something else than the registry says", async () => {
    const body = { schemaVersion: 2, mediaType: OCI_INDEX, manifests: [] };
    await expect(fetch(answer(body, OCI_MANIFEST))).rejects.toMatchObject({
      code: "INVALID_MANIFEST",
      message: expect.stringContaining(
        `mediaType: expected ${OCI_MANIFEST}, as the registry says, found "${OCI_INDEX}"`,
      ),
    });
  });

  it("of more than 4 MiB is not read to its end", async () => {
    const body = " ".repeat(4 * 1024 * 1024 + 1);
    await expect(fetch(answer(body, OCI_MANIFEST))).rejects.toMatchObject({ code: "LIMIT_EXCEEDED" });
    const known = { ...answer(body, OCI_MANIFEST).answer!, headers: { "Content-Length": String(body.length) } };
    await expect(fetch({ answer: known })).rejects.toMatchObject({ code: "LIMIT_EXCEEDED" });
  });

  it.each([
    [200, "expected a manifest"],
    [403, "access is denied"],
    [404, "unexpected status 404"],
  ])("that is a web page with status %d is no manifest", async (status, problem) => {
    await expect(fetch(htmlFault(status))).rejects.toMatchObject({
      message: expect.stringMatching(
        new RegExp(`${problem}.*answers HTML \\(text/html; charset=utf-8, status ${status}\\)`),
      ),
      hint: expect.stringContaining("is there a registry"),
    });
  });

  it("that is not there is told with what the registry says of it", async () => {
    await expect(fetch({}, "nosuchtag")).rejects.toMatchObject({
      code: "NOT_FOUND",
      message: `registry ${proxy.host}: manifest lab/a:nosuchtag: there is none at ${proxy.host}: MANIFEST_UNKNOWN: manifest unknown`,
    });
    expect(proxy.requests.filter(({ path }) => path.includes("/manifests/"))).toHaveLength(1);
  });

  it.each([400, 403, 405, 501])("is not asked for again after status %d", async (status) => {
    await expect(fetch(statusFault(status, "DENIED"))).rejects.toThrow("test fault");
    expect(proxy.requests.filter(({ path }) => path.includes("/manifests/"))).toHaveLength(1);
  });

  it.each([408, 429, 500, 502, 503, 504])("is asked for again after status %d", async (status) => {
    expect((await fetch(statusFault(status, "UNAVAILABLE"), "1", 1)).digest).toBe(pushed.manifest.digest);
    expect(retries).toMatchObject([{ registry: proxy.host, attempt: 1, asked: false }]);
  });

  it("is asked for again after a connection that was closed", async () => {
    expect((await fetch({ drop: true }, "1", 1)).digest).toBe(pushed.manifest.digest);
    expect((await fetch({ cutAfter: 10 }, "1", 1)).digest).toBe(pushed.manifest.digest);
    expect(retries).toHaveLength(2);
  });

  it("is asked for when the registry asks to come back", async () => {
    expect((await fetch(statusFault(503, "UNAVAILABLE", { "Retry-After": "1" }), "1", 1)).digest).toBe(
      pushed.manifest.digest,
    );
    expect(retries).toMatchObject([{ wait: 1000, asked: true }]);
  });

  it("that a registry refuses for the number of requests is told with its limits", async () => {
    const headers = { "RateLimit-Limit": "100;w=21600", "RateLimit-Remaining": "0;w=21600", "Retry-After": "86400" };
    await expect(fetch(statusFault(429, "TOOMANYREQUESTS", headers))).rejects.toMatchObject({
      code: "RATE_LIMITED",
      message: expect.stringMatching(
        /too many requests \(status 429\): TOOMANYREQUESTS: test fault 429 \(ratelimit-limit: 100;w=21600, ratelimit-remaining: 0;w=21600\); it asks to come back in 86400 seconds/,
      ),
    });
  });

  it("has messages without the control characters of a registry", async () => {
    const body = JSON.stringify({ errors: [{ code: "DENIED", message: `\u001b[31m${"long ".repeat(1000)}` }] });
    const failure = fetch({ answer: { status: 403, body } });
    await expect(failure).rejects.toThrow("\\x1b[31mlong");
    await expect(failure).rejects.toMatchObject({ message: expect.stringMatching(/^.{1,700}$/) });
  });

  it("of another algorithm is verified by that", async () => {
    const bytes = Buffer.from(JSON.stringify({ schemaVersion: 2, config: {}, layers: [] }));
    const { createHash } = await import("node:crypto");
    const digest = `sha512:${createHash("sha512").update(bytes).digest("hex")}`;
    const fault = { answer: { status: 200, headers: { "Content-Type": OCI_MANIFEST }, body: bytes.toString() } };
    expect((await fetch(fault, digest)).digest).toBe(digest);
    await expect(fetch(fault, `sha512:${"0".repeat(128)}`)).rejects.toMatchObject({ code: "DIGEST_MISMATCH" });
  });

  it("is pushed and found by digest alone", async () => {
    const bytes = Buffer.from(JSON.stringify({ schemaVersion: 2, mediaType: OCI_INDEX, manifests: [] }));
    await pushManifest(server, "lab/a", OCI_INDEX, bytes);
    expect((await fetch({}, digestOf(bytes))).mediaType).toBe(OCI_INDEX);
  });
});
