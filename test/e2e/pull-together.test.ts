import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { fileSystem, makeFileSystem, overlay, type TestFileSystem } from "../support/filesystems.ts";
import { type PullSite, pullSite } from "../support/registry/pull-site.ts";
import { type PushedImage, pushImage } from "../support/registry/push-image.ts";
import { registry } from "../support/registry/registry.ts";
import { requires } from "../support/requires.ts";
import { type SampleImage, sampleImages } from "../support/sample-images.ts";

const PROCESSES = 16;

describe("processes that pull at once", () => {
  const missing = requires(overlay(), fileSystem("ext4"), registry());
  const samples = sampleImages(4);
  let place: TestFileSystem;
  let site: PullSite;
  let pushed: Map<SampleImage, PushedImage>;
  beforeAll(async () => {
    if (missing !== null) return;
    place = makeFileSystem("ext4", { size: "1G" });
    site = await pullSite("overlay2", { place: place.directory });
    pushed = new Map();
    for (const sample of samples) pushed.set(sample, await pushImage(site.registry, nameOf(sample), sample.image));
  });
  afterAll(async () => {
    await site?.[Symbol.asyncDispose]();
    place?.[Symbol.dispose]();
  });
  beforeEach(() => {
    if (missing === null) site.proxy.forget();
  });

  const nameOf = ({ name }: SampleImage): string => `lab/${name}`;
  const listed = (...images: readonly SampleImage[]): string[] =>
    images.map((image) => `${site.reference(nameOf(image))} ${image.id.slice(7, 19)}`).sort();

  /** Every blob in one piece or in pieces that do not overlap, each byte once. */
  const expectEachOnce = (...images: readonly SampleImage[]): void => {
    const blobs = images.flatMap((image) => {
      const { config, layers } = pushed.get(image)!;
      return [config, ...layers];
    });
    for (const { digest, size } of blobs) {
      expect([digest, site.proxy.downloadsOf(digest).length]).toEqual([digest, 1]);
      expect(site.proxy.bytesOf(digest)).toBe(size);
    }
  };

  it(`${PROCESSES} of them fetch each blob of one image once, and all succeed`, { timeout: 120_000 }, async () => {
    const root = site.newRoot();
    const [image] = samples as [SampleImage];
    // Slow enough that all of them are there while the blobs are on their way.
    site.proxy.rules = [{ method: "GET", path: "/blobs/", fault: { bytesPerSecond: 500_000 } }];
    const pulls = Array.from(
      { length: PROCESSES },
      () => site.start(root, "-q", "pull", site.reference(nameOf(image))).ended,
    );
    for (const ending of await Promise.all(pulls)) expect(ending).toMatchObject({ status: 0, stderr: "" });
    expectEachOnce(image);
    expect(await site.look(root)).toEqual({ images: listed(image), problems: [] });
  });

  it("fetch each blob once also where they are one process", async () => {
    const root = site.newRoot();
    const [, , image] = samples as [SampleImage, SampleImage, SampleImage];
    site.proxy.rules = [{ method: "GET", path: "/blobs/", fault: { bytesPerSecond: 2_000_000 } }];
    const pulls = [1, 2, 3].map(() => site.layerfs(root, "-q", "pull", site.reference(nameOf(image))));
    for (const run of await Promise.all(pulls)) expect(run).toMatchObject({ status: 0, stderr: "" });
    expectEachOnce(image);
    expect(await site.look(root)).toEqual({ images: listed(image), problems: [] });
  });

  it("fetch the blobs that different images share once", { timeout: 60_000 }, async () => {
    const root = site.newRoot();
    const [a, b, c] = samples as [SampleImage, SampleImage, SampleImage];
    site.proxy.rules = [{ method: "GET", path: "/blobs/", fault: { bytesPerSecond: 1_000_000 } }];
    const pulls = [a, b, c, a, b, c].map(
      (image) => site.start(root, "-q", "pull", site.reference(nameOf(image))).ended,
    );
    for (const ending of await Promise.all(pulls)) expect(ending).toMatchObject({ status: 0, stderr: "" });
    expectEachOnce(a, b, c);
    expect(await site.look(root)).toEqual({ images: listed(a, b, c), problems: [] });
  });

  it("a pull takes over what another was killed in", { timeout: 60_000 }, async () => {
    const root = site.newRoot();
    const [, , , image] = samples as [SampleImage, SampleImage, SampleImage, SampleImage];
    const { layers } = pushed.get(image)!;
    const { digest, size } = layers[0]!;
    site.proxy.rules = [{ method: "GET", path: digest, fault: { bytesPerSecond: 1_000_000 } }];
    const first = site.start(root, "-q", "pull", site.reference(nameOf(image)));
    while (site.proxy.bytesOf(digest) < size / 4) await new Promise((resolve) => setTimeout(resolve, 5));
    const second = site.start(root, "-q", "pull", site.reference(nameOf(image)));
    while (site.proxy.bytesOf(digest) < size / 2) await new Promise((resolve) => setTimeout(resolve, 5));
    first.process.kill("SIGKILL");
    expect(await first.ended).toMatchObject({ signal: "SIGKILL" });
    expect(await second.ended).toMatchObject({ status: 0, stderr: "" });
    expect(site.proxy.downloadsOf(digest)).toHaveLength(2);
    expect(site.proxy.bytesOf(digest)).toBeLessThan(size * 1.5);
    expect(await site.look(root)).toEqual({ images: listed(image), problems: [] });
  });
});
