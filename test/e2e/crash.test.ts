import { afterAll, beforeAll, describe, expect, it } from "vitest";
import {
  duration,
  expectLoadsAgain,
  expectWhole,
  kill,
  makeSite,
  prepare,
  progressOf,
  type Site,
  type SiteDriver,
  victims,
} from "../support/crash-site.ts";
import { fileSystem, makeFileSystem, overlay, type TestFileSystem } from "../support/filesystems.ts";
import { startLayerfs } from "../support/layerfs-process.ts";
import { randomOf } from "../support/random.ts";
import { requires } from "../support/requires.ts";
import { sampleImages } from "../support/sample-images.ts";

/** `npm run test:crash` asks for 200; CONTRIBUTING.md tells of these. */
const kills = Number(process.env.LAYERFS_KILLS ?? 14);
const seed = process.env.LAYERFS_SEED ?? String(Date.now());

describe.each(["overlay2", "vfs"] as const)("a store whose users are killed, %s", (driver) => {
  const missing = requires(overlay(), fileSystem("ext4"));
  let place: TestFileSystem;
  let site: Site;
  beforeAll(() => {
    if (missing !== null) return;
    place = makeFileSystem("ext4");
    site = makeSite(place.directory, driver, sampleImages().slice(0, 3));
  });
  afterAll(() => place?.[Symbol.dispose]());

  it(`is whole after each of ${Math.ceil(kills / 2)} kill -9`, { timeout: 60_000 + kills * 10_000 }, async () => {
    const random = randomOf(`${seed} ${driver}`);
    const choices = victims(site);
    const startup = await startupTime();
    const durations = new Map<string, number>();
    const reached: string[] = [];
    for (let number = 0; number < Math.ceil(kills / 2); number++) {
      const isLoad = random.fraction() < 0.6;
      const victim = random.pick(choices.filter(({ name }) => name.startsWith("load") === isLoad));
      const whole = durations.get(victim.name) ?? (await duration(site, victim));
      durations.set(victim.name, whole);
      const earliest = Math.min(startup, whole) * 0.8;
      const moment = earliest + random.fraction() * (whole - earliest);
      await prepare(site, victim);
      const wasAlive = await kill(site, victim, moment);
      const what = `${victim.name}, ${Math.round(moment)} of ${Math.round(whole)} ms${wasAlive ? "" : " (done)"}: ${progressOf(site)}`;
      reached.push(what);
      try {
        await expectWhole(site);
        await expectLoadsAgain(site, random.pick(site.images));
      } catch (error) {
        throw new Error(`kill ${number} with LAYERFS_SEED=${seed}: ${what}`, { cause: error });
      }
    }
    report(driver, reached);
  });
});

async function startupTime(): Promise<number> {
  await startLayerfs(["version"]).ended;
  const start = performance.now();
  await startLayerfs(["version"]).ended;
  return performance.now() - start;
}

function report(driver: SiteDriver, reached: readonly string[]): void {
  process.stdout.write(`${driver}: ${reached.length} kills, LAYERFS_SEED=${seed}\n`);
  if (process.env.LAYERFS_KILLS === undefined) return;
  for (const what of reached) process.stdout.write(`  ${what}\n`);
  expect(reached.length).toBeGreaterThan(0);
}
