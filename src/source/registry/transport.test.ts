import { once } from "node:events";
import { mkdirSync, writeFileSync } from "node:fs";
import { createServer as createSecureServer } from "node:https";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { collect } from "../../../test/support/apply.ts";
import { makeCertificates } from "../../../test/support/registry/certificates.ts";
import { startFaultProxy } from "../../../test/support/registry/fault-proxy.ts";
import { startForwardProxy } from "../../../test/support/registry/forward-proxy.ts";
import { pushImage } from "../../../test/support/registry/push-image.ts";
import { registry, startRegistry } from "../../../test/support/registry/registry.ts";
import { QUIET_SETTINGS } from "../../../test/support/registry/settings.ts";
import { requires } from "../../../test/support/requires.ts";
import { sampleImages } from "../../../test/support/sample-images.ts";
import { scratchDirectory } from "../../../test/support/scratch.ts";
import { digestOf, parseDigest } from "../../core/digest.ts";
import { registryClient } from "./registry-client.ts";
import type { FetchedManifest } from "./repository.ts";
import type { RetryEvent } from "./retry.ts";
import { type RegistrySettings, resolveSettings } from "./settings.ts";
import { transport } from "./transport.ts";

const [sample] = sampleImages(0.1);

/** A directory as Docker's certs.d with these files for the host. */
function certificates(host: string, files: Readonly<Record<string, string>>): RegistrySettings {
  const directory = scratchDirectory();
  mkdirSync(join(directory, host));
  for (const [name, text] of Object.entries(files)) writeFileSync(join(directory, host, name), text);
  return { certificateDirectories: [directory] };
}

async function fetch(domain: string, settings: RegistrySettings): Promise<FetchedManifest> {
  await using client = registryClient({ ...QUIET_SETTINGS, ...settings });
  return await client.repository({ domain, path: "lab/a" }).fetchManifest("1", {});
}

describe("a registry with TLS", () => {
  requires(registry());

  it("is verified by its CA in certs.d where it does not lie on this machine", async () => {
    const tls = makeCertificates();
    await using server = await startRegistry({ tls });
    const { manifest } = await pushImage(server, "lab/a:1", sample!.image);
    await using proxy = await startForwardProxy(server.host);
    // To this client the registry is another machine, behind a proxy.
    const environment = { HTTPS_PROXY: proxy.url };
    const domain = `r.example:${server.host.split(":")[1]}`;
    const trusted = certificates(domain, { "ca.crt": tls.ca });
    expect((await fetch(domain, { ...trusted, environment })).digest).toBe(manifest.digest);
    const others = [
      {},
      certificates("r.example", { "ca.crt": tls.ca }),
      certificates(domain, { "ca.crt": makeCertificates().ca }),
    ];
    for (const settings of others) {
      await expect(fetch(domain, { ...settings, environment })).rejects.toMatchObject({
        code: "REGISTRY",
        message: expect.stringContaining(
          `${domain} through the proxy ${proxy.url.slice("http://".length)} has a certificate that is not trusted`,
        ),
        hint: expect.stringContaining(`/etc/docker/certs.d/${domain}/ca.crt`),
      });
    }
    const other = `other.example:${server.host.split(":")[1]}`;
    await expect(fetch(other, { ...certificates(other, { "ca.crt": tls.ca }), environment })).rejects.toThrow(
      "does not match certificate's altnames",
    );
    expect((await fetch(domain, { environment, insecureRegistries: [domain] })).digest).toBe(manifest.digest);
    expect(new Set(proxy.requests.map(({ line }) => line))).toEqual(new Set([`CONNECT ${domain}`, `CONNECT ${other}`]));
  });

  it("need not be verified on this machine", async () => {
    await using server = await startRegistry({ tls: makeCertificates() });
    const { manifest } = await pushImage(server, "lab/a:1", sample!.image);
    expect((await fetch(server.host, {})).digest).toBe(manifest.digest);
  });
});

describe("a registry that wants a client's certificate", () => {
  requires(registry());

  it("gets the one of its directory in certs.d", async () => {
    const [tls, client] = [makeCertificates(), makeCertificates("client")];
    const server = createSecureServer(
      { ...tls, ca: client.ca, requestCert: true, rejectUnauthorized: false },
      (request, response) => {
        const socket = request.socket as typeof request.socket & { authorized: boolean };
        response.writeHead(socket.authorized ? 200 : 403).end('{"schemaVersion":2,"manifests":[]}');
      },
    );
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    const host = `127.0.0.1:${(server.address() as AddressInfo).port}`;
    try {
      const own = certificates(host, { "me.cert": client.cert, "me.key": client.key, "ca.crt": tls.ca });
      expect((await fetch(host, own)).digest).toBe(digestOf('{"schemaVersion":2,"manifests":[]}'));
      await expect(fetch(host, {})).rejects.toMatchObject({ code: "UNAUTHORIZED" });
      await expect(fetch(host, certificates(host, { "me.cert": client.cert }))).rejects.toMatchObject({
        code: "USAGE",
        message: expect.stringContaining("there is me.cert but no me.key"),
      });
      await expect(fetch(host, certificates(host, { "me.key": client.key }))).rejects.toMatchObject({ code: "USAGE" });
    } finally {
      server.closeAllConnections();
      server.close();
    }
  });
});

describe("a registry behind a proxy", () => {
  requires(registry());

  it("is reached over plain http only where it is insecure, with the proxy's password", async () => {
    await using server = await startRegistry();
    const { manifest } = await pushImage(server, "lab/a:1", sample!.image);
    await using proxy = await startForwardProxy(server.host);
    const url = proxy.url.replace("http://", "http://me:se%3Acret@");
    const environment = { HTTPS_PROXY: url, HTTP_PROXY: url };
    const settings = { environment, insecureRegistries: ["r.example"] };
    expect((await fetch("r.example", settings)).digest).toBe(manifest.digest);
    expect(proxy.requests.map(({ line }) => line)).toEqual([
      "CONNECT r.example:443",
      "GET http://r.example/v2/lab/a/manifests/1",
    ]);
    const authorization = `Basic ${Buffer.from("me:se:cret").toString("base64")}`;
    expect(new Set(proxy.requests.map((request) => request.authorization))).toEqual(new Set([authorization]));
    const failure = fetch("r.example", { environment });
    await expect(failure).rejects.toMatchObject({ code: "REGISTRY" });
    await expect(failure).rejects.not.toThrow(/se.*cret/);
  });
});

describe("a mirror of Docker Hub", () => {
  requires(registry());

  it("is asked first, and the registry itself where it fails", async () => {
    await using mirror = await startRegistry();
    await using hub = await startRegistry({ tls: makeCertificates() });
    const { manifest } = await pushImage(mirror, "lab/a:1", sample!.image);
    const other = await pushImage(hub, "lab/a:2", sample!.image, { form: "oci" });
    await using proxy = await startForwardProxy(hub.host);
    await using client = registryClient({
      ...QUIET_SETTINGS,
      mirrors: [mirror.url],
      environment: { HTTPS_PROXY: proxy.url },
      insecureRegistries: ["registry-1.docker.io"],
    });
    const repository = client.repository({ domain: "docker.io", path: "lab/a" });
    expect((await repository.fetchManifest("1", {})).digest).toBe(manifest.digest);
    expect(proxy.requests).toEqual([]);
    expect((await repository.fetchManifest("2", {})).digest).toBe(other.manifest.digest);
    expect(proxy.requests[0]?.line).toBe("CONNECT registry-1.docker.io:443");
    const elsewhere = client.repository({ domain: mirror.host, path: "lab/a" });
    await expect(elsewhere.fetchManifest("2", {})).rejects.toMatchObject({ code: "NOT_FOUND" });
  });

  it("that breaks off in a blob is told, and the registry itself gives the rest", async () => {
    await using mirror = await startRegistry();
    await using hub = await startRegistry({ tls: makeCertificates() });
    const { layers } = await pushImage(mirror, "lab/a:1", sample!.image);
    await pushImage(hub, "lab/a:1", sample!.image);
    await using proxy = await startForwardProxy(hub.host);
    await using faulty = await startFaultProxy(mirror);
    faulty.rules = [{ path: "/blobs/", fault: { cutAfter: 1000 } }];
    await using client = registryClient({
      ...QUIET_SETTINGS,
      mirrors: [faulty.url],
      environment: { HTTPS_PROXY: proxy.url },
      insecureRegistries: ["registry-1.docker.io"],
    });
    const repository = client.repository({ domain: "docker.io", path: "lab/a" });
    const told: RetryEvent[] = [];
    const layer = { ...layers[0]!, digest: parseDigest(layers[0]!.digest) };
    const bytes = await collect(repository.openBlob(layer, { onRetry: (event) => void told.push(event) }));
    expect(digestOf(bytes)).toBe(layer.digest);
    expect(faulty.bytesOf(layer.digest)).toBe(1000);
    expect(told).toMatchObject([{ registry: `${faulty.url}/`, wait: 0 }]);
  });

  it("is not talked to over plain http elsewhere", async () => {
    await using client = registryClient({ ...QUIET_SETTINGS, mirrors: ["http://mirror.example"] });
    const repository = client.repository({ domain: "docker.io", path: "lab/a" });
    await expect(repository.fetchManifest("1", {})).rejects.toMatchObject({
      code: "USAGE",
      hint: expect.stringContaining("--insecure-registry mirror.example"),
    });
  });

  it.each(["https://me:secret@mirror.example", "https://:secret@mirror.example", "me:secret@mirror.example"])(
    "is not %s, and the password is not told",
    (mirror) => {
      const refused = expect.objectContaining({ code: "USAGE", message: expect.not.stringContaining("secret") });
      expect(() => registryClient({ mirrors: [mirror] })).toThrow(refused);
    },
  );

  it.each(["mirror.example", "ftp://mirror.example"])("is not %s", (mirror) => {
    expect(() => registryClient({ mirrors: [mirror] })).toThrow(expect.objectContaining({ code: "USAGE" }));
  });
});

describe("a registry whose name leads out of the network that is insecure", () => {
  it("is not sent to over plain http any more", async () => {
    await using wire = transport(resolveSettings(QUIET_SETTINGS), async () => null);
    const purpose = { host: "r.example", title: "registry r.example" };
    const sending = wire.send(new URL("http://r.example/v2/"), { method: "GET", headers: {} }, purpose);
    await expect(sending).rejects.toMatchObject({
      code: "REGISTRY",
      message: "registry r.example: its address is in no network that is insecure, and plain http to it is refused",
    });
  });
});

describe("a registry that cannot be reached", () => {
  it("is told with the proxy that stands between", async () => {
    await expect(
      fetch("r.example", { environment: { HTTPS_PROXY: "http://me:secret@127.0.0.1:1" } }),
    ).rejects.toMatchObject({
      code: "REGISTRY",
      message: expect.stringContaining("r.example through the proxy 127.0.0.1:1 refused the connection"),
    });
  });

  it("is told as that, with its name", async () => {
    const failure = fetch("127.0.0.1:1", {});
    await expect(failure).rejects.toMatchObject({
      code: "REGISTRY",
      message:
        "registry 127.0.0.1:1: manifest lab/a:1: 127.0.0.1:1 refused the connection (ECONNREFUSED); gave up after 3 attempts",
    });
  });
});
