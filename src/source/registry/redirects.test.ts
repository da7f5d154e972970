import { once } from "node:events";
import { createServer, type IncomingHttpHeaders } from "node:http";
import type { AddressInfo } from "node:net";
import { describe, expect, it } from "vitest";
import { QUIET_SETTINGS } from "../../../test/support/registry/settings.ts";
import { registryClient } from "./registry-client.ts";
import { resolveLocation } from "./registry-host.ts";
import type { FetchedManifest } from "./repository.ts";

const BODY = '{"schemaVersion":2,"manifests":[]}';

/** Fetches a manifest from a server that answers with `location` to each path but `/end`. */
async function fetch(
  location: (count: number) => string,
): Promise<{ manifest: FetchedManifest; seen: IncomingHttpHeaders[] }> {
  const seen: IncomingHttpHeaders[] = [];
  let count = 0;
  const server = createServer((request, response) => {
    seen.push(request.headers);
    if (request.url === "/end") return void response.end(BODY);
    count += 1;
    response.writeHead(307, { Location: location(count) }).end("go on");
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  await using client = registryClient(QUIET_SETTINGS);
  try {
    const domain = `127.0.0.1:${(server.address() as AddressInfo).port}`;
    return { manifest: await client.repository({ domain, path: "lab/a" }).fetchManifest("1", {}), seen };
  } finally {
    server.closeAllConnections();
    server.close();
  }
}

it("follows ten redirects, whole and relative ones", async () => {
  const { manifest, seen } = await fetch((count) => (count < 10 ? `/step${count}` : "/end"));
  expect(manifest.bytes.toString()).toBe(BODY);
  expect(seen).toHaveLength(11);
});

it("does not follow an eleventh", async () => {
  await expect(fetch((count) => `/step${count}`)).rejects.toMatchObject({
    code: "REGISTRY",
    message: expect.stringContaining("more than 10 redirects"),
  });
});

it.each([
  ["another protocol", "ftp://127.0.0.1/x"],
  ["no URL", "http://[bad"],
  ["a file", "file:///etc/passwd"],
])("does not follow one to %s", async (_, location) => {
  await expect(fetch(() => location)).rejects.toMatchObject({ code: "REGISTRY" });
});

const secure = new URL("https://r.example/v2/lab/a/blobs/x?a=b");
const resolve = (location: string): Promise<URL> =>
  resolveLocation(location, secure, "blob x", async ({ host }) => host === "lab.example:5000");

it("does not follow one from https to plain http, but to an insecure host", async () => {
  expect((await resolve("http://lab.example:5000/x")).href).toBe("http://lab.example:5000/x");
  await expect(resolve("http://storage.example/x?signature=secret")).rejects.toMatchObject({
    code: "REGISTRY",
    message: "blob x: r.example leads from https to plain http at storage.example, which is refused",
  });
});

it("drops a user and a password in the URL", async () => {
  expect((await resolve("https://me:secret@storage.example/x?y=z#w")).href).toBe("https://storage.example/x?y=z");
});

describe("a Location", () => {
  const resolve = (location: string, from: string): Promise<URL> =>
    resolveLocation(location, new URL(from), "blob", async () => true);

  it.each(["http://127.0.0.1:2375/containers", "http://localhost/", "http://[::1]:8080/"])(
    "of another machine's registry does not lead to %s",
    async (location) => {
      for (const from of ["https://registry.example/v2/", "http://registry.example/v2/"]) {
        await expect(resolve(location, from)).rejects.toMatchObject({
          code: "REGISTRY",
          message: expect.stringContaining("on this machine, which is refused"),
        });
      }
    },
  );

  it("of a registry on this machine may lead to another port of it", async () => {
    expect((await resolve("http://127.0.0.2:81/x", "https://localhost:5000/v2/")).host).toBe("127.0.0.2:81");
  });
});
