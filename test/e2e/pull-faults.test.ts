import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import type { Run } from "../support/command-line.ts";
import { sha256, type TestImage } from "../support/image-builder.ts";
import { OciLayout, type TestDescriptor } from "../support/oci-builder.ts";
import { randomBytesOf } from "../support/random.ts";
import { type FaultRule, htmlFault, statusFault } from "../support/registry/faults.ts";
import { type PullSite, pullSite } from "../support/registry/pull-site.ts";
import { type PushedImage, pushImage, pushLayout, pushManifest } from "../support/registry/push-image.ts";
import { registry } from "../support/registry/registry.ts";
import { root as machineUser, requires } from "../support/requires.ts";
import { layerTar } from "../support/tar-builder.ts";

const missing = requires(machineUser(), registry());
const image = imageOf("image");
const NAME = "lab/a";
const REFERENCE = `${NAME}:1`;

let site: PullSite;
let pushed: PushedImage;
beforeAll(async () => {
  if (missing !== null) return;
  site = await pullSite("vfs");
  pushed = await pushImage(site.registry, REFERENCE, image);
});
afterAll(() => site?.[Symbol.asyncDispose]());
beforeEach(() => {
  if (missing !== null) return;
  site.proxy.rules = [];
  site.proxy.forget();
});

const layer = (index: number): TestDescriptor => pushed.layers[index]!;
const pull = (root: string, ...words: readonly string[]): Promise<Run> =>
  site.layerfs(root, "-q", "pull", ...(words.length > 0 ? words : [site.reference(REFERENCE)]));
const blob = (digest: string, rule: Omit<FaultRule, "path">): FaultRule => ({ method: "GET", path: digest, ...rule });

/** It fails in so many words, and neither the list of images nor the store shows that anything was tried. */
async function expectRefused(root: string, ending: Run, ...words: readonly (string | RegExp)[]): Promise<void> {
  expect(ending).toMatchObject({ status: 1, stdout: "" });
  for (const word of [site.proxy.host, ...words]) expect(ending.stderr).toMatch(word);
  expect(ending.stderr.trimEnd().split("\n").length).toBeLessThanOrEqual(3);
  expect(await site.look(root)).toEqual({ images: [], problems: [] });
}

/** Once nothing is wrong any more it succeeds. Tells the bytes that were fetched of each layer. */
async function pulledBytes(root: string): Promise<readonly number[]> {
  site.proxy.rules = [];
  site.proxy.forget();
  expect(await pull(root)).toMatchObject({ status: 0, stderr: "" });
  const { images, problems } = await site.look(root);
  expect(images).toEqual([`${site.reference(REFERENCE)} ${pushed.id.slice(7, 19)}`]);
  expect(problems).toEqual([]);
  return pushed.layers.map(({ digest }) => site.proxy.bytesOf(digest));
}

describe("a layer", () => {
  it.each([
    ["at its start", 0],
    ["in its midst", 50_000],
  ])("that was altered %s is refused and not kept", async (_, alterAt) => {
    const root = site.newRoot();
    const { digest, size } = layer(1);
    site.proxy.rules = [blob(digest, { fault: { alterAt } })];
    await expectRefused(root, await pull(root), NAME, digest, /sha256:[0-9a-f]{64}.*sha256:[0-9a-f]{64}/);
    expect((await pulledBytes(root))[1]).toBe(size);
  });

  it("that is shorter than it should be is refused, with both lengths", async () => {
    const root = site.newRoot();
    const { digest, size } = layer(0);
    site.proxy.rules = [blob(digest, { fault: { shortenTo: 10_000 } })];
    await expectRefused(root, await pull(root), NAME, digest, String(size), "10000");
    await pulledBytes(root);
  });

  it("that is longer than it should be is refused, with both lengths", async () => {
    const root = site.newRoot();
    const { digest, size } = layer(0);
    site.proxy.rules = [blob(digest, { fault: { lengthenBy: 10 } })];
    await expectRefused(root, await pull(root), NAME, digest, String(size));
    await pulledBytes(root);
  });

  it.each([
    ["more", 10],
    ["less", -10],
  ])("whose length is claimed to be %s is refused, with both lengths", async (_, more) => {
    const root = site.newRoot();
    const { digest, size } = layer(0);
    site.proxy.rules = [blob(digest, { fault: { contentLength: size + more } })];
    await expectRefused(root, await pull(root), NAME, digest, String(size), String(size + more));
    await pulledBytes(root);
  });

  it("that breaks off is taken up where it stopped, again and again", async () => {
    const root = site.newRoot();
    const { digest, size } = layer(2);
    site.proxy.rules = [blob(digest, { nth: (count) => count < 4, fault: { cutAfter: 30_000 } })];
    expect(await pull(root)).toMatchObject({ status: 0 });
    const downloads = site.proxy.downloadsOf(digest);
    expect(downloads.map(({ range }) => range)).toEqual([null, "bytes=30000-", "bytes=60000-", "bytes=90000-"]);
    expect(site.proxy.bytesOf(digest)).toBe(size);
  });

  it("that breaks off for good is kept, and the next pull fetches the rest", async () => {
    const root = site.newRoot();
    const { digest, size } = layer(2);
    site.proxy.rules = [blob(digest, { nth: 1, fault: { cutAfter: 40_000 } }), blob(digest, { fault: { drop: true } })];
    await expectRefused(root, await pull(root), NAME, digest, /closed the connection|reset the connection/);
    expect((await pulledBytes(root))[2]).toBe(size - 40_000);
  });

  it("that breaks off where ranges are ignored is fetched from its start, and is whole", async () => {
    const root = site.newRoot();
    const { digest } = layer(2);
    site.proxy.rules = [
      blob(digest, { nth: 1, fault: { cutAfter: 30_000 } }),
      blob(digest, { fault: { ignoreRange: true } }),
    ];
    expect(await pull(root)).toMatchObject({ status: 0 });
    expect((await site.look(root)).problems).toEqual([]);
    expect(site.proxy.downloadsOf(digest).map(({ status }) => status)).toEqual([200, 200]);
  });

  it("is fetched from another host without the registry's credentials", async () => {
    const root = site.newRoot();
    site.proxy.rules = [{ method: "GET", path: "/blobs/", fault: { redirect: true } }];
    expect(await pull(root)).toMatchObject({ status: 0 });
    const atStorage = site.proxy.requests.filter(({ host }) => host === "storage");
    expect(atStorage.length).toBeGreaterThanOrEqual(pushed.layers.length);
    for (const { headers } of atStorage) expect(headers.authorization).toBeUndefined();
  });

  it("that another host alters is refused by its digest", async () => {
    const root = site.newRoot();
    const { digest } = layer(0);
    site.proxy.rules = [
      blob(digest, { fault: { redirect: true } }),
      blob(digest, { host: "storage", fault: { alterAt: 5 } }),
    ];
    await expectRefused(root, await pull(root), NAME, digest);
    await pulledBytes(root);
  });

  it("that leads from one place to the next for ever is refused", async () => {
    const root = site.newRoot();
    const { digest } = layer(0);
    const Location = `${site.proxy.url}/v2/${NAME}/blobs/${digest}`;
    site.proxy.rules = [blob(digest, { fault: { answer: { status: 307, headers: { Location } } } })];
    await expectRefused(root, await pull(root), NAME, digest, "redirect");
    await pulledBytes(root);
  });

  it("that the registry lacks is named", async () => {
    const root = site.newRoot();
    const { digest } = layer(0);
    site.proxy.rules = [blob(digest, { fault: statusFault(404, "BLOB_UNKNOWN") })];
    await expectRefused(root, await pull(root), NAME, digest);
    await pulledBytes(root);
  });

  it("in whose place HTML comes is refused, and said to be HTML", async () => {
    const root = site.newRoot();
    const { digest } = layer(0);
    site.proxy.rules = [blob(digest, { fault: htmlFault() })];
    await expectRefused(root, await pull(root), NAME, digest);
    await pulledBytes(root);
  });
});

describe("a config", () => {
  it("that was altered is refused and not kept", async () => {
    const root = site.newRoot();
    const { digest } = pushed.config;
    site.proxy.rules = [blob(digest, { fault: { alterAt: 3 } })];
    await expectRefused(root, await pull(root), NAME, digest, /sha256:[0-9a-f]{64}.*sha256:[0-9a-f]{64}/);
    await pulledBytes(root);
  });

  it("that is longer than it should be is refused", async () => {
    const root = site.newRoot();
    const { digest, size } = pushed.config;
    site.proxy.rules = [blob(digest, { fault: { lengthenBy: 1 } })];
    await expectRefused(root, await pull(root), NAME, digest, String(size));
    await pulledBytes(root);
  });

  it("that promises other layers than come is refused, with both diffIDs", async () => {
    const root = site.newRoot();
    const other = imageOf("other");
    const wrong = { ...image, stored: (bytes: Buffer, index: number) => (index === 0 ? other.layers[0]! : bytes) };
    const { layers } = await pushImage(site.registry, "lab/wrong:1", wrong, { compress: "none" });
    const expected = `sha256:${sha256(image.layers[0]!)}`;
    const ending = await pull(root, site.reference("lab/wrong:1"));
    await expectRefused(root, ending, expected, `sha256:${sha256(other.layers[0]!)}`);
    expect(layers.length).toBe(3);
  });
});

describe("a manifest", () => {
  it("that was altered under way is refused by the digest that was asked for", async () => {
    const root = site.newRoot();
    const { digest } = pushed.manifest;
    site.proxy.rules = [{ path: "/manifests/", fault: { alterAt: 200 } }];
    await expectRefused(root, await pull(root, `${site.reference(NAME)}@${digest}`), NAME, digest);
    await pulledBytes(root);
  });

  it("that was altered under way is refused by the digest that the registry claims for the tag", async () => {
    const root = site.newRoot();
    site.proxy.rules = [{ path: "/manifests/", fault: { alterAt: 200 } }];
    await expectRefused(root, await pull(root), NAME, pushed.manifest.digest);
    await pulledBytes(root);
  });

  it("of more than 4 MiB is refused without reading on", async () => {
    const root = site.newRoot();
    site.proxy.rules = [
      {
        method: "GET",
        path: "/manifests/",
        fault: { lengthenBy: 64 << 20, headers: { "docker-content-digest": null } },
      },
    ];
    await expectRefused(root, await pull(root), NAME, /4 ?MiB|4194304/);
    const sent = site.proxy.requests.reduce((most, request) => Math.max(most, request.sent), 0);
    expect(sent).toBeLessThan(32 << 20);
  });

  it("in whose place HTML comes is refused, and said to be HTML", async () => {
    const root = site.newRoot();
    site.proxy.rules = [{ path: "/manifests/", fault: htmlFault() }];
    await expectRefused(root, await pull(root), NAME, /html/i);
    await pulledBytes(root);
  });

  it.each([
    ["a tag that is not there", `${NAME}:absent`, "absent"],
    ["a repository that is not there", "lab/absent:1", "lab/absent"],
    ["a digest that is not there", `${NAME}@sha256:${"0".repeat(64)}`, `sha256:${"0".repeat(64)}`],
  ] as const)("of %s is not found", async (_, name, word) => {
    const root = site.newRoot();
    await expectRefused(root, await pull(root, site.reference(name)), word, /not found|unknown|no such/i);
  });

  it("of schema 1 is refused by name", async () => {
    const root = site.newRoot();
    const body = JSON.stringify({
      schemaVersion: 1,
      name: NAME,
      tag: "1",
      architecture: "amd64",
      fsLayers: [],
      history: [],
    });
    const headers = { "Content-Type": "application/vnd.docker.distribution.manifest.v1+prettyjws" };
    site.proxy.rules = [{ path: "/manifests/", fault: { answer: { status: 200, headers, body } } }];
    await expectRefused(root, await pull(root), NAME, /schema 1|schema version 1/i);
  });

  it.each([
    ["no JSON", "{"],
    ["no manifest", '{"schemaVersion":2}'],
    ["a list", "[]"],
  ])("that is %s is refused", async (_, body) => {
    const root = site.newRoot();
    const headers = { "Content-Type": "application/vnd.docker.distribution.manifest.v2+json" };
    site.proxy.rules = [{ path: "/manifests/", fault: { answer: { status: 200, headers, body } } }];
    await expectRefused(root, await pull(root), NAME, "manifest");
  });
});

describe("an index", () => {
  const platform = (architecture: string) => ({ platform: { architecture, os: "linux" } });

  it("without the platform that is wanted is refused with those that there are", async () => {
    const root = site.newRoot();
    const layout = new OciLayout();
    const images = ["s390x", "riscv64"].map((name) => layout.image(image, { descriptor: platform(name) }));
    const inner = layout.index([layout.image(image, { manifest: { a: 1 }, descriptor: platform("mips64le") })]);
    await pushLayout(site.registry, "lab/many:1", layout.entries(layout.index([...images, inner])).write());
    for (const words of [[], ["--platform", "linux/arm64"]]) {
      const ending = await pull(root, ...words, site.reference("lab/many:1"));
      await expectRefused(root, ending, "lab/many", "s390x", "riscv64");
    }
    const ending = await pull(root, "--platform", "linux/riscv64", site.reference("lab/many:1"));
    expect(ending).toMatchObject({ status: 0, stderr: "" });
  });

  it("that holds itself many times over is refused in the end", async () => {
    const root = site.newRoot();
    let index = "{}";
    const mediaType = "application/vnd.oci.image.index.v1+json";
    let descriptor = await pushManifest(
      site.registry,
      "lab/deep",
      mediaType,
      Buffer.from(JSON.stringify({ schemaVersion: 2, mediaType, manifests: [] })),
    );
    for (let depth = 0; depth < 40; depth++) {
      index = JSON.stringify({ schemaVersion: 2, mediaType, manifests: [descriptor] });
      const name = depth === 39 ? "lab/deep:1" : "lab/deep";
      descriptor = await pushManifest(site.registry, name, mediaType, Buffer.from(index));
    }
    await expectRefused(root, await pull(root, site.reference("lab/deep:1")), "lab/deep");
  });
});

describe("a registry", () => {
  it("that answers HTML at its root is told from one", async () => {
    const root = site.newRoot();
    site.proxy.rules = [{ fault: htmlFault() }];
    await expectRefused(root, await pull(root), /html/i);
    site.proxy.rules = [{ fault: htmlFault(404) }];
    await expectRefused(root, await pull(root), /html|404/i);
    await pulledBytes(root);
  });

  it("that refuses is quoted, without what would harm a terminal", async () => {
    const root = site.newRoot();
    const body = JSON.stringify({ errors: [{ code: "DENIED", message: "no \u001b[31mred\u001b[0m\u202e entry" }] });
    const headers = { "Content-Type": "application/json" };
    site.proxy.rules = [{ path: "/manifests/", fault: { answer: { status: 403, headers, body } } }];
    const ending = await pull(root);
    await expectRefused(root, ending, NAME, /denied/i, "entry");
    for (const harmful of ["\u001b", "\u202e"]) expect(ending.stderr).not.toContain(harmful);
  });

  it("that asks to wait is waited for, and the user is told", async () => {
    const root = site.newRoot();
    site.proxy.rules = [
      { path: "/manifests/", nth: 1, fault: statusFault(429, "TOOMANYREQUESTS", { "Retry-After": "1" }) },
      blob(layer(0).digest, { nth: 1, fault: statusFault(503, "UNAVAILABLE", { "Retry-After": "1" }) }),
    ];
    const started = performance.now();
    const { status, stderr } = await site.layerfs(root, "pull", site.reference(REFERENCE));
    expect(status).toBe(0);
    expect(performance.now() - started).toBeGreaterThan(2000);
    expect(stderr).toMatch(site.proxy.host);
    expect(stderr).toMatch(/\b1(\.0)? ?s/);
    expect((await site.look(root)).problems).toEqual([]);
  });
});

/** Three layers of about 130 kB that cannot be compressed. */
function imageOf(seed: string): TestImage {
  const layers = [0, 1, 2].map((layer) =>
    layerTar(
      [0, 1].map((file) => ({ name: `${layer}-${file}`, data: randomBytesOf(`${seed} ${layer} ${file}`, 65_000) })),
    ),
  );
  return { tags: [], layers };
}
