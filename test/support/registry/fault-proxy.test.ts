import { request } from "node:http";
import { connect } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { randomBytesOf } from "../random.ts";
import { requires } from "../requires.ts";
import { sampleImages } from "../sample-images.ts";
import { layerTar } from "../tar-builder.ts";
import { type FaultProxy, startFaultProxy } from "./fault-proxy.ts";
import { type Fault, htmlFault, statusFault } from "./faults.ts";
import { type PushedImage, pushImage } from "./push-image.ts";
import { registry, startRegistry, type TestRegistry } from "./registry.ts";
import { type Answer, send } from "./send.ts";

describe("a proxy that spoils what a registry answers", () => {
  const missing = requires(registry());
  const bytes = layerTar([{ name: "random", data: randomBytesOf("fault proxy", 200_000) }]);
  let server: TestRegistry;
  let proxy: FaultProxy;
  let digest: string;
  let pushed: PushedImage;
  beforeAll(async () => {
    if (missing !== null) return;
    server = await startRegistry();
    proxy = await startFaultProxy(server);
    pushed = await pushImage(proxy, "lab/a:1", { tags: [], layers: [bytes] }, { compress: "none" });
    digest = pushed.layers[0]!.digest;
  });
  afterAll(async () => {
    await proxy?.[Symbol.asyncDispose]();
    await server?.[Symbol.asyncDispose]();
  });
  beforeEach(() => {
    if (missing !== null) return;
    proxy.rules = [];
    proxy.forget();
  });

  const get = (headers: Readonly<Record<string, string>> = {}): Promise<Answer> =>
    send(`${proxy.url}/v2/lab/a/blobs/${digest}`, { headers });
  const spoil = (fault: Fault): void => {
    proxy.rules = [{ method: "GET", path: digest, fault }];
  };

  const expectSame = ({ status, body }: Answer, expected: Buffer, expectedStatus = 200): void => {
    expect(status).toBe(expectedStatus);
    expect(body.equals(expected)).toBe(true);
  };

  it("passes on what no rule meets, uploads and ranges too", async () => {
    await pushImage(proxy, "lab/b:1", sampleImages(0.1)[0]!.image);
    expect(proxy.requests.map(({ method }) => method)).toContain("PUT");
    expectSame(await get(), bytes);
    expectSame(await get({ Range: "bytes=150000-" }), bytes.subarray(150_000), 206);
    await proxy.idle();
    expect(proxy.downloadsOf(digest).map(({ range, sent }) => [range, sent])).toEqual([
      [null, bytes.length],
      ["bytes=150000-", bytes.length - 150_000],
    ]);
    expect(proxy.bytesOf(digest)).toBe(2 * bytes.length - 150_000);
  });

  it("cuts the connection after some bytes, and only the second time", async () => {
    proxy.rules = [{ path: digest, nth: 2, fault: { cutAfter: 70_000 } }];
    expectSame(await get(), bytes);
    await expect(get()).rejects.toThrow("aborted");
    expectSame(await get(), bytes);
    expect(proxy.downloadsOf(digest)[1]).toMatchObject({ sent: 70_000, isOver: true });
  });

  it("cuts the connection before an answer", async () => {
    spoil({ drop: true });
    await expect(get()).rejects.toThrow("socket hang up");
    expect(proxy.requests).toMatchObject([{ status: 0, sent: 0, isOver: true }]);
  });

  it.each([
    ["shorter", { shortenTo: 1000 }, 1000],
    ["longer", { lengthenBy: 10 }, bytes.length + 10],
  ])("makes the body %s", async (_, fault, length) => {
    spoil(fault);
    expect((await get()).body).toHaveLength(length);
  });

  it("claims another length", async () => {
    spoil({ contentLength: bytes.length + 1 });
    await expect(get()).rejects.toThrow("aborted");
    spoil({ contentLength: 100 });
    expect((await get()).body).toHaveLength(100);
  });

  it("alters a byte, wherever a range begins", async () => {
    spoil({ alterAt: 160_000 });
    const altered = Buffer.from(bytes);
    altered[160_000]! ^= 0xff;
    expectSame(await get(), altered);
    expectSame(await get({ Range: "bytes=150000-" }), altered.subarray(150_000), 206);
  });

  it("ignores a range", async () => {
    spoil({ ignoreRange: true });
    expectSame(await get({ Range: "bytes=150000-" }), bytes);
  });

  it("answers with a status, headers and HTML of its own", async () => {
    spoil(statusFault(429, "TOOMANYREQUESTS", { "Retry-After": "3" }));
    expect(await get()).toMatchObject({ status: 429, headers: { "retry-after": "3" } });
    spoil(htmlFault());
    expect(await get()).toMatchObject({ status: 200, headers: { "content-type": "text/html; charset=utf-8" } });
    spoil({ headers: { "docker-content-digest": null, "content-type": "text/plain" } });
    const { headers } = await get();
    expect(headers["docker-content-digest"]).toBeUndefined();
    expect(headers["content-type"]).toBe("text/plain");
  });

  it("is slow", async () => {
    spoil({ bytesPerSecond: 1_000_000 });
    const started = performance.now();
    expectSame(await get(), bytes);
    expect(performance.now() - started).toBeGreaterThan(150);
  });

  it("stalls, and counts what it sent to a client that goes away", async () => {
    spoil({ stallAfter: 50_000 });
    await new Promise<void>((resolve, reject) => {
      let read = 0;
      const asked = request(`${proxy.url}/v2/lab/a/blobs/${digest}`, { agent: false }, (response) => {
        response.on("data", (chunk: Buffer) => {
          read += chunk.length;
          if (read === 50_000) response.destroy();
        });
        response.on("close", resolve);
      });
      asked.on("error", reject).end();
    });
    await proxy.idle();
    expect(proxy.bytesOf(digest)).toBe(50_000);
  });

  it("knows what lies unread in the socket buffers", async () => {
    spoil({ stallAfter: 150_000 });
    const { hostname, port, host } = new URL(proxy.url);
    const client = connect(Number(port), hostname).pause();
    client.write(`GET /v2/lab/a/blobs/${digest} HTTP/1.1\r\nHost: ${host}\r\n\r\n`);
    while (proxy.bytesOf(digest) < 150_000) await sleep(5);
    const [record] = proxy.downloadsOf(digest);
    await sleep(50);
    // The head of the answer is there too; some of both this process has read already.
    expect(record?.unread()).toBeGreaterThan(50_000);
    expect(record?.unread()).toBeLessThan(151_000);
    client.resume();
    while ((record?.unread() ?? 0) > 0) await sleep(5);
    client.destroy();
  });

  it("redirects to another host, which records what it was sent and can be spoilt too", async () => {
    spoil({ redirect: true });
    const answer = await get({ Authorization: "Basic secret" });
    expect(answer.status).toBe(307);
    const location = answer.headers.location!;
    expect(new URL(location).hostname).not.toBe(new URL(proxy.url).hostname);
    expect((await send(location, { headers: { Range: "bytes=199000-" } })).body).toEqual(bytes.subarray(199_000));
    proxy.rules = [{ host: "storage", fault: { shortenTo: 10 } }];
    expect((await send(location)).body).toHaveLength(10);
    expect((await send(location.replace(/signature=.*/, "signature=wrong"))).status).toBe(403);
    const atStorage = proxy.requests.filter(({ host }) => host === "storage");
    expect(atStorage.map(({ headers, status }) => [headers.authorization, status])).toEqual([
      [undefined, 206],
      [undefined, 200],
      [undefined, 403],
    ]);
    expect(proxy.requests[0]?.headers.authorization).toBe("Basic secret");
  });
});
