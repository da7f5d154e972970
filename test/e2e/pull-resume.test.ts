import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { fileSystem, makeFileSystem, overlay, type TestFileSystem } from "../support/filesystems.ts";
import type { TestImage } from "../support/image-builder.ts";
import type { LayerfsProcess } from "../support/layerfs-process.ts";
import { randomBytesOf, randomOf } from "../support/random.ts";
import { blobOffsets } from "../support/registry/blob-offsets.ts";
import { type PullSite, pullSite } from "../support/registry/pull-site.ts";
import { type PushedImage, pushImage } from "../support/registry/push-image.ts";
import { registry } from "../support/registry/registry.ts";
import { requires } from "../support/requires.ts";
import { layerTar } from "../support/tar-builder.ts";

/** `npm run test:registry` asks for 20; CONTRIBUTING.md tells of these. */
const kills = Number(process.env.LAYERFS_PULL_KILLS ?? 5);
const seed = process.env.LAYERFS_SEED ?? String(Date.now());

const MiB = 1024 * 1024;
/** What a crash may cost of each blob that is on its way, beside what the command had read and not yet written. */
const BLOCK = 4 * MiB;
const IN_MEMORY = 256 * 1024;
/** So slow, in bytes a second, that the command dies in the midst of several blobs. */
const PACE = 8 * MiB;

describe("a pull that is ended by force", () => {
  const missing = requires(overlay(), fileSystem("ext4"), registry());
  let place: TestFileSystem;
  let site: PullSite;
  let pushed: PushedImage;
  let total: number;
  beforeAll(async () => {
    if (missing !== null) return;
    place = makeFileSystem("ext4", { size: "2G" });
    site = await pullSite("overlay2", { place: place.directory });
    pushed = await pushImage(site.registry, "lab/large:1", largeImage(), { compress: "none" });
    total = pushed.layers.reduce((sum, { size }) => sum + size, 0);
  });
  afterAll(async () => {
    await site?.[Symbol.asyncDispose]();
    place?.[Symbol.dispose]();
  });

  const digests = (): string[] => [pushed.config, ...pushed.layers].map(({ digest }) => digest);
  const sentSoFar = (): number => pushed.layers.reduce((sum, { digest }) => sum + site.proxy.bytesOf(digest), 0);

  const pull = (root: string): LayerfsProcess => site.start(root, "-q", "pull", site.reference("lab/large:1"));

  const expectPulled = async (root: string): Promise<void> => {
    const { images, problems } = await site.look(root);
    expect(images).toEqual([`${site.reference("lab/large")}:1 ${pushed.id.slice(7, 19)}`]);
    expect(problems).toEqual([]);
  };

  it(`goes on where it was, after each of ${kills} kill -9`, { timeout: 60_000 + kills * 20_000 }, async () => {
    const random = randomOf(seed);
    let root = site.newRoot();
    let offsets = blobOffsets(site.proxy, digests());
    const costs: string[] = [];
    const seen: string[] = [];
    for (let killed = 0; killed < kills; ) {
      site.proxy.rules = [{ method: "GET", path: "/blobs/", fault: { bytesPerSecond: PACE } }];
      site.proxy.forget();
      const more = Math.ceil(random.fraction() * 24 * MiB);
      const { process, ended } = pull(root);
      const isOver = await whileRunning(ended, () => sentSoFar() < more);
      const again = offsets.fetchedAgain();
      expect(Math.max(...again), `LAYERFS_SEED=${seed}, kill ${killed}`).toBeLessThanOrEqual(BLOCK + IN_MEMORY);
      process.kill("SIGSTOP");
      offsets.note();
      process.kill("SIGKILL");
      const { signal, status, stderr } = await ended;
      await site.proxy.idle();
      costs.push(`${Math.round(sum(again) / 1024)}`);
      if (signal === "SIGKILL" && !isOver) {
        killed++;
        seen.push(`${(sentSoFar() / MiB).toFixed(1)}`);
        expect(await site.look(root), `LAYERFS_SEED=${seed}, kill ${killed}`).toMatchObject({ images: [] });
        continue;
      }
      expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
      await expectPulled(root);
      root = site.newRoot();
      offsets = blobOffsets(site.proxy, digests());
    }
    site.proxy.rules = [];
    site.proxy.forget();
    expect(await pull(root).ended).toMatchObject({ status: 0, stderr: "" });
    const again = offsets.fetchedAgain();
    expect(Math.max(...again), `LAYERFS_SEED=${seed}, at last`).toBeLessThanOrEqual(BLOCK + IN_MEMORY);
    costs.push(`${Math.round(sum(again) / 1024)}`);
    await expectPulled(root);
    report(
      `killed after ${seen.join(", ")} MiB of ${(total / MiB).toFixed(0)}; fetched again: ${costs.join(", ")} KiB`,
    );
  });

  it("by Ctrl-C leaves no image, and the next one fetches only the rest", async () => {
    const root = site.newRoot();
    site.proxy.rules = [{ method: "GET", path: "/blobs/", fault: { bytesPerSecond: PACE } }];
    site.proxy.forget();
    const { process, ended } = pull(root);
    const offsets = blobOffsets(site.proxy, digests());
    await whileRunning(ended, () => sentSoFar() < 20 * MiB);
    offsets.note();
    process.kill("SIGINT");
    expect(await ended).toMatchObject({ status: 130, stdout: "", stderr: "layerfs: cancelled\n" });
    expect(await site.look(root)).toEqual({ images: [], problems: [] });
    await site.proxy.idle();
    site.proxy.rules = [];
    site.proxy.forget();
    expect(await pull(root).ended).toMatchObject({ status: 0, stderr: "" });
    expect(Math.max(...offsets.fetchedAgain())).toBeLessThanOrEqual(IN_MEMORY);
    expect(sentSoFar()).toBeLessThan(total);
    await expectPulled(root);
  });

  /** Resolves with whether the process ended first. */
  async function whileRunning(ended: Promise<unknown>, isToGoOn: () => boolean): Promise<boolean> {
    let isOver = false;
    const over = ended.then(() => {
      isOver = true;
    });
    while (!isOver && isToGoOn()) await Promise.race([sleep(1), over]);
    return isOver;
  }
});

/** Four layers of 16 MiB that cannot be compressed. */
function largeImage(): TestImage {
  const layers = Array.from({ length: 4 }, (_, layer) =>
    layerTar(
      Array.from({ length: 16 }, (_, file) => ({
        name: `${layer}-${file}`,
        data: randomBytesOf(`large ${layer} ${file}`, MiB),
      })),
    ),
  );
  return { tags: [], layers };
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}

/** For whoever runs more than the few kills of the suite. */
function report(text: string): void {
  if (process.env.LAYERFS_PULL_KILLS !== undefined) process.stdout.write(`${text}\n`);
}
