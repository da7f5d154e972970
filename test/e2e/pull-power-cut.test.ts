import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { TestImage } from "../support/image-builder.ts";
import { type CuttableDisk, cuttableDisk, makeCuttableDisk } from "../support/power-cut.ts";
import { randomBytesOf } from "../support/random.ts";
import { blobOffsets } from "../support/registry/blob-offsets.ts";
import { type PullSite, pullSite } from "../support/registry/pull-site.ts";
import { type PushedImage, pushImage } from "../support/registry/push-image.ts";
import { registry } from "../support/registry/registry.ts";
import { requires } from "../support/requires.ts";
import { layerTar } from "../support/tar-builder.ts";

const MiB = 1024 * 1024;
/** What a cut of the power may cost of each blob that is on its way, beside what the command had not written yet. */
const BLOCK = 4 * MiB;
const IN_MEMORY = 256 * 1024;
const PACE = 8 * MiB;

describe("a pull whose machine loses its power", () => {
  const missing = requires(cuttableDisk(), registry());
  let disk: CuttableDisk;
  let site: PullSite;
  let pushed: PushedImage;
  beforeAll(async () => {
    if (missing !== null) return;
    site = await pullSite("overlay2");
    disk = makeCuttableDisk("768M", { DOCKER_CONFIG: site.dockerConfig });
    pushed = await pushImage(site.registry, "lab/large:1", largeImage(), { compress: "none" });
  });
  afterAll(async () => {
    disk?.[Symbol.dispose]();
    await site?.[Symbol.asyncDispose]();
  });

  const pull = (root: string) =>
    disk.layerfs("--root", root, "-s", "overlay2", "-q", "pull", site.reference("lab/large:1"));
  const sent = (): number => pushed.layers.reduce((sum, { digest }) => sum + site.proxy.bytesOf(digest), 0);
  const expectPulled = async (root: string): Promise<void> => {
    // The next command that writes cleans up.
    expect(await site.layerfs(root, "rmi", "absent:1")).toMatchObject({ status: 1 });
    const { images, problems } = await site.look(root);
    expect(images).toEqual([`${site.reference("lab/large:1")} ${pushed.id.slice(7, 19)}`]);
    expect(problems).toEqual([]);
  };

  it("goes on where the disk has its bytes, and nothing half-done is seen", { timeout: 120_000 }, async () => {
    const root = join(disk.directory, "under-way");
    site.proxy.rules = [{ method: "GET", path: "/blobs/", fault: { bytesPerSecond: PACE } }];
    const offsets = blobOffsets(
      site.proxy,
      pushed.layers.map(({ digest }) => digest),
    );
    const expectFewAgain = (): void => {
      for (const again of offsets.fetchedAgain()) expect(again).toBeLessThanOrEqual(BLOCK + IN_MEMORY);
    };
    for (const more of [26 * MiB, 14 * MiB]) {
      site.proxy.forget();
      const { process, ended } = pull(root);
      while (sent() < more) await sleep(1);
      expectFewAgain();
      process.kill("SIGSTOP");
      offsets.note();
      await disk.cut(() => {
        process.kill("SIGKILL");
        return ended;
      });
      await site.proxy.idle();
      expect((await site.look(root)).images).toEqual([]);
    }
    site.proxy.rules = [];
    site.proxy.forget();
    expect(await pull(root).ended).toMatchObject({ status: 0, stderr: "" });
    expectFewAgain();
    await expectPulled(root);
  });

  it("has the image whole once it has said so", { timeout: 60_000 }, async () => {
    const root = join(disk.directory, "done");
    expect(await pull(root).ended).toMatchObject({ status: 0, stderr: "" });
    await disk.cut();
    await expectPulled(root);
    const content = await site.layerfs(root, "cat", site.reference("lab/large:1"), "/2-19");
    expect(content.stdoutBytes.equals(randomBytesOf("power 2 19", MiB))).toBe(true);
  });
});

/** Three layers of 20 MiB that cannot be compressed. */
function largeImage(): TestImage {
  const layers = Array.from({ length: 3 }, (_, layer) =>
    layerTar(
      Array.from({ length: 20 }, (_, file) => ({
        name: `${layer}-${file}`,
        data: randomBytesOf(`power ${layer} ${file}`, MiB),
      })),
    ),
  );
  return { tags: [], layers };
}
