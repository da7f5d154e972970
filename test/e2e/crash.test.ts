import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import {
  expectLoadsAgain,
  expectWhole,
  kill,
  type Moment,
  makeSite,
  prepare,
  progressOf,
  type Site,
  type SiteDriver,
  type Timing,
  timing,
  victims,
} from "../support/crash-site.ts";
import { fileSystem, makeFileSystem, overlay, type TestFileSystem } from "../support/filesystems.ts";
import { type LayerfsProcess, startLayerfs, startNode } from "../support/layerfs-process.ts";
import { type Random, randomOf } from "../support/random.ts";
import { pushImage } from "../support/registry/push-image.ts";
import { registry, startRegistry, type TestRegistry } from "../support/registry/registry.ts";
import { requires } from "../support/requires.ts";
import { sampleImages } from "../support/sample-images.ts";
import type { Part, Performance } from "../support/store-actor.ts";
import { checkout } from "../support/tree.ts";

/** `npm run test:crash` asks for 200; CONTRIBUTING.md tells of these. */
const kills = Number(process.env.LAYERFS_KILLS ?? 15);
const ownKills = Math.ceil(kills / 2);
const seconds = Number(process.env.LAYERFS_SECONDS ?? 2);
const seed = process.env.LAYERFS_SEED ?? String(Date.now());

describe.each(["overlay2", "vfs"] as const)("a store whose users are killed, %s", (driver) => {
  const missing = requires(overlay(), fileSystem("ext4"));
  let place: TestFileSystem;
  let server: TestRegistry | null = null;
  let site: Site;
  beforeAll(async () => {
    if (missing !== null) return;
    place = makeFileSystem("ext4");
    const images = sampleImages(kills > 50 ? 4 : 1).slice(0, 3);
    if (registry() === null) server = await startRegistry();
    for (const { name, image } of images) if (server !== null) await pushImage(server, `lab/${name}`, image);
    site = makeSite(place.directory, driver, images, server?.host);
  });
  afterAll(async () => {
    await server?.[Symbol.asyncDispose]();
    place?.[Symbol.dispose]();
  });

  it(`is whole after each of ${ownKills} kill -9`, { timeout: 60_000 + kills * 10_000 }, async () => {
    const random = randomOf(`${seed} ${driver}`);
    const choices = victims(site);
    const startup = await startupTime();
    const timings = new Map<string, Timing>();
    const reached: string[] = [];
    for (let number = 0; reached.length < ownKills && number < 3 * ownKills; number++) {
      const isLong = random.fraction() < 0.6;
      const victim = random.pick(choices.filter(({ name }) => /^(load|pull)/.test(name) === isLong));
      const known = timings.get(victim.name) ?? (await timing(site, victim));
      timings.set(victim.name, known);
      const moment = randomMoment(random, known, startup);
      await prepare(site, victim);
      const wasAlive = await kill(site, victim, moment);
      const what = `${victim.name}, ${Math.round(moment.milliseconds)} ms after its ${moment.after}: ${progressOf(site)}`;
      if (wasAlive) reached.push(what);
      // Cleaning up can be interrupted as well.
      if (random.fraction() < 0.3) await kill(site, random.pick(choices), moment);
      try {
        await expectWhole(site);
        await expectLoadsAgain(site, random.pick(site.images));
      } catch (error) {
        throw new Error(`kill ${number} with LAYERFS_SEED=${seed}: ${what}`, { cause: error });
      }
    }
    expect(reached).toHaveLength(ownKills);
    report(driver, reached);
  });
});

describe.each(["overlay2", "vfs"] as const)(
  "a store with eight users at once, and a ninth that is killed again and again, %s",
  (driver) => {
    const missing = requires(overlay(), fileSystem("ext4"));
    let place: TestFileSystem;
    beforeAll(() => {
      if (missing === null) place = makeFileSystem("ext4");
    });
    afterAll(() => place?.[Symbol.dispose]());

    it(`serves all of them for ${seconds} seconds and is whole afterwards`, {
      timeout: 60_000 + seconds * 3000,
    }, async () => {
      const site = makeSite(place.directory, driver, sampleImages(1));
      const users = Array.from({ length: 8 }, (_, number) => act(site, place.directory, number));
      const [killed, ...performances] = await Promise.all([actAndDie(site, place.directory, 8), ...users]);
      expect(performances.flatMap(({ faults }) => faults)).toEqual([]);
      await expectWhole(site);
      for (const image of site.images) await expectLoadsAgain(site, image);
      reportCounts(driver, performances, killed);
    });
  },
);

/** Runs one of the users in a process of its own. */
async function act(site: Site, directory: string, number: number): Promise<Performance> {
  const { status, stdout, stderr } = await startActor(site, directory, number, seconds).ended;
  expect(stderr).toBe("");
  expect(status).toBe(0);
  return JSON.parse(stdout);
}

/** Kills one of the users again and again; the next one has its place. Returns how often. */
async function actAndDie(site: Site, directory: string, number: number): Promise<number> {
  const random = randomOf(`${seed} ${number}`);
  const end = Date.now() + seconds * 1000;
  for (let deaths = 0; ; deaths++) {
    const left = (end - Date.now()) / 1000;
    if (left <= 0) return deaths;
    const { process, ended } = startActor(site, directory, number, left);
    await sleep(Math.min(left * 1000, 500 + random.fraction() * 2000));
    process.kill("SIGKILL");
    await ended;
  }
}

function startActor(site: Site, directory: string, number: number, duration: number): LayerfsProcess {
  const target = join(directory, `target-${number}`);
  mkdirSync(target, { recursive: true });
  const archives = site.images.map((image) => ({ ...image, image: undefined, file: site.archive(image) }));
  const { root, driver } = site;
  const part: Part = { root, driver, seed: `${seed} ${number} ${duration}`, seconds: duration, target, archives };
  const file = join(directory, `part-${number}.json`);
  writeFileSync(file, JSON.stringify(part));
  return startNode([join(checkout, "test/support/store-actor.ts"), file]);
}

function reportCounts(driver: SiteDriver, performances: readonly Performance[], killed: number): void {
  const totals = new Map<string, number>();
  for (const { counts } of performances) {
    for (const [name, count] of Object.entries(counts)) totals.set(name, (totals.get(name) ?? 0) + count);
  }
  const sum = [...totals.values()].reduce((total, count) => total + count, 0);
  const parts = [...totals].sort().map(([name, count]) => `${name} ${count}`);
  process.stdout.write(
    `${driver}: ${sum} operations beside ${killed} kills, LAYERFS_SEED=${seed}: ${parts.join(", ")}\n`,
  );
}

/**
 * Some moments are spread over all of a command's time; but most of that is the start of Node.js, the longer the busier
 * the machine is, and so more are spread over the time in which it changes the store.
 */
function randomMoment(random: Random, { whole, work }: Timing, startup: number): Moment {
  const earliest = Math.min(startup, whole) * 0.8;
  if (work !== null && random.fraction() < 0.7) return { after: "lease", milliseconds: random.fraction() * work };
  return { after: "start", milliseconds: earliest + random.fraction() * (whole - earliest) };
}

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
}
