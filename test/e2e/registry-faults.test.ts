import { afterAll, beforeAll, beforeEach, describe, expect, it, onTestFinished } from "vitest";
import type { Descriptor } from "../../src/core/descriptor.ts";
import { isLayerfsError, type LayerfsError } from "../../src/core/errors.ts";
import { registryClient } from "../../src/source/registry/registry-client.ts";
import type { Repository } from "../../src/source/registry/repository.ts";
import type { RetryEvent, RetryPolicy } from "../../src/source/registry/retry.ts";
import { sha256 } from "../support/image-builder.ts";
import { randomBytesOf } from "../support/random.ts";
import { type FaultProxy, startFaultProxy } from "../support/registry/fault-proxy.ts";
import { type Fault, type FaultRule, htmlFault, statusFault } from "../support/registry/faults.ts";
import { type PushedImage, pushImage } from "../support/registry/push-image.ts";
import { registry, startRegistry, type TestRegistry } from "../support/registry/registry.ts";
import { requires } from "../support/requires.ts";

const QUICK: RetryPolicy = { attempts: 3, firstWait: 5, longestWait: 10, longestRetryAfter: 2000 };

describe("a registry whose faults last", () => {
  const missing = requires(registry());
  const bytes = randomBytesOf("faults that last", 200_000);
  let server: TestRegistry;
  let proxy: FaultProxy;
  let pushed: PushedImage;
  let blob: Descriptor;
  beforeAll(async () => {
    if (missing !== null) return;
    server = await startRegistry();
    proxy = await startFaultProxy(server);
    pushed = await pushImage(server, "lab/a:1", { tags: [], layers: [bytes] }, { compress: "none" });
    blob = pushed.layers[0] as unknown as Descriptor;
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

  const open = (retry: Partial<RetryPolicy> = {}): Repository => {
    const client = registryClient({ retry: { ...QUICK, ...retry }, stallTimeout: 400, environment: {} });
    onTestFinished(() => client[Symbol.asyncDispose]());
    return client.repository({ domain: proxy.host, path: "lab/a" } as Parameters<typeof client.repository>[0]);
  };
  const read = async (repository: Repository, offset = 0, events: RetryEvent[] = []): Promise<Buffer> => {
    const chunks: Uint8Array[] = [];
    const options = { offset, onRetry: (event: RetryEvent) => void events.push(event) };
    for await (const chunk of repository.openBlob(blob, options)) chunks.push(chunk);
    return Buffer.concat(chunks);
  };
  const spoil = (fault: Fault, more: Omit<FaultRule, "fault"> = {}): void => {
    proxy.rules = [{ method: "GET", path: blob.digest, ...more, fault }];
  };
  const failureOf = async (action: Promise<unknown>): Promise<LayerfsError> => {
    const error = await action.then(
      () => new Error("it succeeded"),
      (failure: unknown) => failure,
    );
    if (!isLayerfsError(error)) throw error;
    return error;
  };
  const expectNames = ({ message }: LayerfsError): void => {
    for (const word of [proxy.host, "lab/a", blob.digest]) expect(message).toContain(word);
  };
  const gets = () => proxy.requests.filter(({ method, path }) => method === "GET" && path.includes(blob.digest));

  it.each([408, 429, 500, 502, 503, 504])("with %i is asked a few times, and then given up", async (status) => {
    spoil(statusFault(status, "WHATEVER"));
    const error = await failureOf(read(open()));
    expect(error.code).toBe(status === 429 ? "RATE_LIMITED" : "REGISTRY");
    expectNames(error);
    expect(error.message).toContain(String(status));
    expect(gets()).toHaveLength(QUICK.attempts);
  });

  it.each([400, 403, 404, 405, 501])("with %i is asked once", async (status) => {
    spoil(statusFault(status, "WHATEVER"));
    expectNames(await failureOf(read(open())));
    expect(gets()).toHaveLength(1);
  });

  it("that gets well in time is no failure, and each wait is told", async () => {
    spoil(statusFault(503, "UNAVAILABLE"), { nth: (count) => count < 3 });
    const events: RetryEvent[] = [];
    expect((await read(open(), 0, events)).equals(bytes)).toBe(true);
    expect(events.map(({ registry: name, attempt, asked }) => ({ name, attempt, asked }))).toEqual([
      { name: proxy.host, attempt: 1, asked: false },
      { name: proxy.host, attempt: 2, asked: false },
    ]);
  });

  it("that asks to wait is waited for, by seconds and by date", async () => {
    for (const after of [() => "1", () => new Date(Date.now() + 2500).toUTCString()]) {
      spoil(statusFault(429, "TOOMANYREQUESTS", { "Retry-After": after() }), { nth: 1 });
      const events: RetryEvent[] = [];
      await read(open({ longestRetryAfter: 10_000 }), 0, events);
      expect(events).toMatchObject([{ asked: true }]);
      expect(events[0]?.wait).toBeGreaterThan(500);
      expect(events[0]?.wait).toBeLessThanOrEqual(2500);
    }
  });

  it("that asks to wait too long is not waited for, and the time is told", async () => {
    spoil(statusFault(429, "TOOMANYREQUESTS", { "Retry-After": "86400", "RateLimit-Limit": "100;w=21600" }));
    const error = await failureOf(read(open()));
    expect(error.code).toBe("RATE_LIMITED");
    expectNames(error);
    expect(error.message).toMatch(/86400/);
    expect(error.message).toMatch("100;w=21600");
    expect(gets()).toHaveLength(1);
  });

  it.each([
    ["that is silly", "soon"],
    ["that is negative", "-5"],
    ["that has passed", "Mon, 01 Jan 2001 00:00:00 GMT"],
  ])("with a time to wait %s is asked again as usual", async (_, after) => {
    spoil(statusFault(503, "UNAVAILABLE", { "Retry-After": after }), { nth: 1 });
    expect(await read(open())).toHaveLength(bytes.length);
  });

  it("that closes every connection is given up", async () => {
    spoil({ drop: true });
    const error = await failureOf(read(open()));
    expect(error.code).toBe("REGISTRY");
    expectNames(error);
    expect(gets()).toHaveLength(QUICK.attempts);
  });

  it("that closes every connection after a few bytes is asked for all the rest, however often", async () => {
    spoil({ cutAfter: 10_000 });
    expect((await read(open())).equals(bytes)).toBe(true);
    expect(proxy.bytesOf(blob.digest)).toBe(bytes.length);
    expect(gets()).toHaveLength(20);
  });

  it("that ignores ranges and breaks off at the same byte each time is given up", async () => {
    spoil({ cutAfter: 10_000, ignoreRange: true });
    const error = await failureOf(read(open()));
    expectNames(error);
    expect(gets().length).toBeLessThanOrEqual(QUICK.attempts + 1);
  });

  it("that stops sending is taken for one that broke off", async () => {
    spoil({ stallAfter: 100_000 }, { nth: 1 });
    expect((await read(open())).equals(bytes)).toBe(true);
    expect(gets().map(({ range }) => range)).toEqual([null, "bytes=100000-"]);
  });

  it("that never begins to send is given up", async () => {
    spoil({ stallAfter: 0 });
    const error = await failureOf(read(open({ attempts: 2 })));
    expect(error.code).toBe("REGISTRY");
    expectNames(error);
  });

  it.each([
    ["other bytes", "bytes 5-199999/200000"],
    ["more than there are", "bytes 100000-200000/200001"],
    ["nothing sensible", "chunks 1-2"],
  ])("that gives %s for a range is refused", async (_, range) => {
    spoil({ headers: { "content-range": range } });
    const error = await failureOf(read(open(), 100_000));
    expectNames(error);
    expect(gets()).toHaveLength(1);
  });

  it("that gives a range where none was asked for is refused or understood", async () => {
    spoil({ answer: { status: 206, headers: { "Content-Range": "bytes 10-19/200000" }, body: "0123456789" } });
    expectNames(await failureOf(read(open())));
  });

  it("that has lost a range's bytes is refused, with both lengths", async () => {
    spoil({ answer: { status: 416, headers: { "Content-Range": "bytes */100" } } });
    const error = await failureOf(read(open(), 100_000));
    expect(error.code).toBe("DIGEST_MISMATCH");
    expect(error.message).toMatch(/200000.*100\b/);
  });

  it("that answers HTML for a blob is said to do so", async () => {
    spoil(htmlFault());
    const error = await failureOf(read(open()));
    expectNames(error);
    expect(`${error.message} ${error.hint}`).toMatch(/html/i);
  });

  it("that compresses a blob on its way is refused", async () => {
    spoil({ headers: { "content-encoding": "gzip" } });
    expectNames(await failureOf(read(open())));
  });

  it("is asked no more once the caller has lost patience", async () => {
    spoil(statusFault(503, "UNAVAILABLE"));
    const abort = new AbortController();
    const repository = open({ attempts: 100, firstWait: 10_000, longestWait: 10_000 });
    const reading = (async () => {
      for await (const _ of repository.openBlob(blob, { signal: abort.signal })) throw new Error("it succeeded");
    })();
    while (gets().length === 0) await new Promise((resolve) => setTimeout(resolve, 5));
    abort.abort();
    expect(await failureOf(reading)).toMatchObject({ code: "CANCELLED" });
  });

  it("is left alone when the reader stops in the midst", async () => {
    spoil({ bytesPerSecond: 100_000 });
    for await (const _ of open().openBlob(blob, {})) break;
    await proxy.idle();
    expect(proxy.bytesOf(blob.digest)).toBeLessThan(bytes.length);
  });

  it("gives manifests with the same patience", async () => {
    proxy.rules = [{ path: "/manifests/", fault: statusFault(500, "UNKNOWN") }];
    const error = await failureOf(open().fetchManifest("1", {}));
    expect(error.message).toContain(`${proxy.host}: manifest lab/a:1`);
    proxy.rules = [{ path: "/manifests/", nth: 1, fault: { cutAfter: 20 } }];
    expect((await open().fetchManifest("1", {})).digest).toBe(pushed.manifest.digest);
    expect(`sha256:${sha256(Buffer.from((await open().fetchManifest("1", {})).bytes))}`).toBe(pushed.manifest.digest);
  });
});
