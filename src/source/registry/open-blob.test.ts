import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { collect } from "../../../test/support/apply.ts";
import { randomBytesOf } from "../../../test/support/random.ts";
import { type FaultProxy, startFaultProxy } from "../../../test/support/registry/fault-proxy.ts";
import { type Fault, type FaultRule, htmlFault } from "../../../test/support/registry/faults.ts";
import { pushBlob } from "../../../test/support/registry/push-image.ts";
import { registry, startRegistry, type TestRegistry } from "../../../test/support/registry/registry.ts";
import { QUIET_SETTINGS } from "../../../test/support/registry/settings.ts";
import { requires } from "../../../test/support/requires.ts";
import { digestOf } from "../../core/digest.ts";
import { registryClient } from "./registry-client.ts";
import type { RetryEvent } from "./retry.ts";
import type { RegistrySettings } from "./settings.ts";

const bytes = randomBytesOf("a blob", 300_000);
const blob = { digest: digestOf(bytes), size: bytes.length };

interface Fetched {
  readonly bytes: Buffer;
  readonly proxy: FaultProxy;
  readonly retries: readonly RetryEvent[];
}

/** Fetches the blob through a proxy with these rules. */
async function fetch(
  rules: FaultRule[],
  options: { offset?: number; size?: number; signal?: AbortSignal; settings?: RegistrySettings } = {},
): Promise<Fetched> {
  await using proxy = await startFaultProxy(server);
  proxy.rules = rules;
  await using client = registryClient({ ...QUIET_SETTINGS, ...options.settings });
  const repository = client.repository({ domain: proxy.host, path: "lab/a" });
  const retries: RetryEvent[] = [];
  const { offset, signal, size = blob.size } = options;
  const call = { offset, signal, onRetry: (event: RetryEvent) => void retries.push(event) };
  return { bytes: await collect(repository.openBlob({ ...blob, size }, call)), proxy, retries };
}

const ranges = ({ proxy }: Fetched): (string | null)[] =>
  proxy.requests.filter(({ path }) => path.includes("/blobs/")).map(({ range }) => range);
const blobs = (fault: Fault, nth?: FaultRule["nth"]): FaultRule[] => [
  { path: "/blobs/", fault, ...(nth !== undefined && { nth }) },
];

let server: TestRegistry;

describe("a blob", () => {
  const missing = requires(registry());

  beforeAll(async () => {
    if (missing !== null) return;
    server = await startRegistry();
    await pushBlob(server, "lab/a", bytes);
  });

  afterAll(() => server?.[Symbol.asyncDispose]());

  it("goes on where it stopped, as often as it brings some bytes", async () => {
    const fetched = await fetch(blobs({ cutAfter: 40_000 }, (count) => count < 8));
    expect(fetched.bytes).toEqual(bytes);
    expect(ranges(fetched)).toEqual([null, ...[1, 2, 3, 4, 5, 6, 7].map((count) => `bytes=${count * 40_000}-`)]);
    expect(fetched.retries).toHaveLength(7);
    expect(fetched.retries[0]?.reason).toContain(`blob lab/a@${blob.digest}`);
  });

  it("goes on after a stall", async () => {
    const fetched = await fetch(blobs({ stallAfter: 50_000 }, 1), { settings: { stallTimeout: 400 } });
    expect(fetched.bytes).toEqual(bytes);
    expect(ranges(fetched)).toEqual([null, "bytes=50000-"]);
    expect(fetched.retries[0]?.reason).toContain("stopped sending");
  });

  it("goes on at a registry that does not know ranges", async () => {
    const rules = [...blobs({ cutAfter: 50_000 }, 1), ...blobs({ ignoreRange: true })];
    const fetched = await fetch(rules);
    expect(fetched.bytes).toEqual(bytes);
    expect(fetched.proxy.requests.at(-1)?.status).toBe(200);
  });

  it("begins at any byte, of a registry that does not know ranges too", async () => {
    expect((await fetch([], { offset: 299_999 })).bytes).toEqual(bytes.subarray(299_999));
    expect((await fetch(blobs({ ignoreRange: true }), { offset: 200_001 })).bytes).toEqual(bytes.subarray(200_001));
  });

  it("fails after so many attempts that bring nothing", async () => {
    await expect(fetch(blobs({ cutAfter: 0 }))).rejects.toMatchObject({
      code: "REGISTRY",
      message: expect.stringMatching(/blob lab\/a@sha256:.*closed the connection.*gave up after 3 attempts/),
    });
  });

  it.each([
    ["more bytes than the manifest says", { lengthenBy: 10 }, `expected 300000 bytes, as the manifest says, found`],
    ["fewer bytes, in good form", { shortenTo: 1000 }, "expected 300000 bytes, as the manifest says, found 1000"],
    ["another length in its header", { contentLength: 999 }, "expected 300000 bytes, as the manifest says, found 999"],
  ] as [string, Fault, string][])("is refused with %s", async (_, fault, problem) => {
    await expect(fetch(blobs(fault))).rejects.toMatchObject({
      code: "DIGEST_MISMATCH",
      message: expect.stringContaining(problem),
    });
  });

  it("is refused where the registry has less of it than the manifest says", async () => {
    await expect(fetch([], { offset: 300_000, size: 300_001 })).rejects.toMatchObject({
      code: "DIGEST_MISMATCH",
      message: expect.stringMatching(/expected 300001 bytes, as the manifest says, found (300000|at most 300000)/),
    });
  });

  it.each([
    ["another range", { "Content-Range": "bytes 5-299999/300000" }, "REGISTRY"],
    ["a range without end", { "Content-Range": "bytes 100-" }, "REGISTRY"],
    ["no range", { "Content-Range": null }, "REGISTRY"],
    ["another whole", { "Content-Range": "bytes 100-299999/300001" }, "DIGEST_MISMATCH"],
    ["a compression", { "Content-Encoding": "gzip" }, "REGISTRY"],
  ] as [string, Record<string, string | null>, string][])("is refused with %s", async (_, headers, code) => {
    await expect(fetch(blobs({ headers }), { offset: 100 })).rejects.toMatchObject({ code });
  });

  it("is refused where a web page comes in its place", async () => {
    await expect(fetch(blobs(htmlFault()))).rejects.toMatchObject({
      code: "REGISTRY",
      message: expect.stringMatching(/expected a blob.*answers HTML \(text\/html; charset=utf-8, status 200\)/),
    });
  });

  it("ends at once when it is cancelled", async () => {
    const controller = new AbortController();
    const fetching = fetch(blobs({ stallAfter: 50_000 }), { signal: controller.signal });
    setTimeout(() => controller.abort(), 500);
    await expect(fetching).rejects.toMatchObject({ code: "CANCELLED" });
  });

  it("is fetched from where a redirect leads, without the registry's credentials", async () => {
    const fetched = await fetch(blobs({ redirect: true }));
    expect(fetched.bytes).toEqual(bytes);
    expect(fetched.proxy.requests.map(({ host }) => host)).toContain("storage");
  });
});
