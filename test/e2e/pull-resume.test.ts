import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { fileSystem, makeFileSystem, overlay, type TestFileSystem } from "../support/filesystems.ts";
import type { TestImage } from "../support/image-builder.ts";
import type { LayerfsProcess } from "../support/layerfs-process.ts";
import { randomBytesOf, randomOf } from "../support/random.ts";
import { type PullSite, pullSite } from "../support/registry/pull-site.ts";
import { type PushedImage, pushImage } from "../support/registry/push-image.ts";
import { registry } from "../support/registry/registry.ts";
import { requires } from "../support/requires.ts";
import { layerTar } from "../support/tar-builder.ts";

/** `npm run test:registry` asks for 20; CONTRIBUTING.md tells of these. */
const kills = Number(process.env.LAYERFS_PULL_KILLS ?? 5);
const seed = process.env.LAYERFS_SEED ?? String(Date.now());

const MiB = 1024 * 1024;
/** What a crash may cost of each blob that is on its way. */
const BLOCK = 4 * MiB;
/** Bytes that the proxy's kernel took and the command's had not read when it died. */
const SOCKET_BUFFERS = 2 * MiB;
/** A response's pace, below that at which the command can take it. */
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

  const blobs = () => [pushed.config, ...pushed.layers];
  const sentSoFar = (): number => pushed.layers.reduce((sum, { digest }) => sum + site.proxy.bytesOf(digest), 0);

  /** Where in each blob the last download of it had come to, as the proxy counts. */
  const reachedOffsets = (): Map<string, number> =>
    new Map(
      blobs().map(({ digest }) => {
        const last = site.proxy.downloadsOf(digest).at(-1);
        return [digest, last === undefined ? 0 : rangeStart(last.range) + last.sent];
      }),
    );

  /** Bytes of each blob that are asked for again, beside where the download before ended. */
  const fetchedAgain = (before: ReadonlyMap<string, number>): number[] =>
    blobs().map(({ digest }) => {
      const [first] = site.proxy.downloadsOf(digest);
      return first === undefined ? 0 : Math.max(0, (before.get(digest) ?? 0) - rangeStart(first.range));
    });

  const pull = (root: string): LayerfsProcess => site.start(root, "-q", "pull", site.reference("lab/large:1"));

  const expectPulled = async (root: string): Promise<void> => {
    const { images, problems } = await site.look(root);
    expect(images).toEqual([`${site.reference("lab/large")}:1 ${pushed.id.slice(7, 19)}`]);
    expect(problems).toEqual([]);
  };

  it(`goes on where it was, after each of ${kills} kill -9`, { timeout: 60_000 + kills * 20_000 }, async () => {
    const random = randomOf(seed);
    let root = site.newRoot();
    let before = new Map<string, number>();
    const costs: string[] = [];
    const seen: string[] = [];
    for (let killed = 0; killed < kills; ) {
      site.proxy.rules = [{ method: "GET", path: "/blobs/", fault: { bytesPerSecond: PACE } }];
      site.proxy.forget();
      const more = Math.ceil(random.fraction() * 24 * MiB);
      const { process, ended } = pull(root);
      const isOver = await whileRunning(ended, () => sentSoFar() < more);
      process.kill("SIGKILL");
      const { signal, status, stderr } = await ended;
      await site.proxy.idle();
      const again = fetchedAgain(before);
      expect(Math.max(...again), `LAYERFS_SEED=${seed}, kill ${killed}`).toBeLessThanOrEqual(BLOCK + SOCKET_BUFFERS);
      costs.push(`${Math.round(sum(again) / 1024)}`);
      if (signal === "SIGKILL" && !isOver) {
        killed++;
        seen.push(`${(sentSoFar() / MiB).toFixed(1)}`);
        before = new Map([...before, ...[...reachedOffsets()].filter(([, offset]) => offset > 0)]);
        expect(await site.look(root), `LAYERFS_SEED=${seed}, kill ${killed}`).toMatchObject({ images: [] });
        continue;
      }
      expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
      await expectPulled(root);
      root = site.newRoot();
      before = new Map();
    }
    site.proxy.rules = [];
    site.proxy.forget();
    expect(await pull(root).ended).toMatchObject({ status: 0, stderr: "" });
    const again = fetchedAgain(before);
    expect(Math.max(...again), `LAYERFS_SEED=${seed}, at last`).toBeLessThanOrEqual(BLOCK + SOCKET_BUFFERS);
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
    await whileRunning(ended, () => sentSoFar() < 20 * MiB);
    process.kill("SIGINT");
    expect(await ended).toMatchObject({ status: 130, stdout: "", stderr: "layerfs: cancelled\n" });
    expect(await site.look(root)).toEqual({ images: [], problems: [] });
    await site.proxy.idle();
    const before = reachedOffsets();
    site.proxy.rules = [];
    site.proxy.forget();
    expect(await pull(root).ended).toMatchObject({ status: 0, stderr: "" });
    expect(Math.max(...fetchedAgain(before))).toBeLessThanOrEqual(SOCKET_BUFFERS);
    expect(sentSoFar()).toBeLessThan(total - 20 * MiB + 3 * SOCKET_BUFFERS);
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

function rangeStart(range: string | null): number {
  return Number(/^bytes=(\d+)-/.exec(range ?? "")?.[1] ?? 0);
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}

/** For whoever runs more than the few kills of the suite. */
function report(text: string): void {
  if (process.env.LAYERFS_PULL_KILLS !== undefined) process.stdout.write(`${text}\n`);
}
