import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { gzipSync } from "node:zlib";
import { expect } from "vitest";
import type { Engine } from "../../src/engine/engine.ts";
import { openEngine } from "../../src/engine/open-engine.ts";
import { dockerArchive } from "./image-builder.ts";
import { startLayerfs } from "./layerfs-process.ts";
import type { SampleImage } from "./sample-images.ts";
import { scanStore } from "./scan-store.ts";
import { readTreeLines } from "./tree-lines.ts";

export type SiteDriver = "overlay2" | "vfs";

/** A data root with archives to load into it, for tests that end its users by force. */
export interface Site {
  readonly root: string;
  readonly driver: SiteDriver;
  readonly images: readonly SampleImage[];
  /** An existing, empty directory to mount on. */
  readonly target: string;
  archive(image: SampleImage): string;
  archiveBytes(image: SampleImage): Buffer;
  /** The image's name in a registry that has it; null where the machine has no registry. */
  reference(image: SampleImage): string | null;
}

/** `registryHost`: where each image is, as `lab/NAME`. */
export function makeSite(
  directory: string,
  driver: SiteDriver,
  images: readonly SampleImage[],
  registryHost: string | null = null,
): Site {
  const archive = ({ name }: SampleImage): string => join(directory, `${name.replace(":", "-")}.tar`);
  const target = join(directory, "target");
  mkdirSync(target);
  for (const image of images) writeFileSync(archive(image), dockerArchive([image.image]));
  return {
    root: join(directory, "root"),
    driver,
    images,
    target,
    archive,
    archiveBytes: (image) => readFileSync(archive(image)),
    reference: ({ name }) => (registryHost === null ? null : `${registryHost}/lab/${name}`),
  };
}

/** A command that is ended in its midst, with what has to be in the store before. */
export interface Victim {
  readonly name: string;
  readonly loaded: readonly SampleImage[];
  readonly words: readonly string[];
  readonly input?: Buffer;
  readonly mounted?: boolean;
  /** A container of the first image is there, named `box`. */
  readonly container?: "there" | "with a volume" | "mounted";
}

/** All that one may be doing when it dies; what takes longest is there several times. */
export function victims(site: Site): Victim[] {
  const [a, b, c] = site.images as [SampleImage, SampleImage, SampleImage];
  const load = (image: SampleImage, loaded: readonly SampleImage[]): Victim => ({
    name: `load ${image.name} where ${loaded.map(({ name }) => name).join(" and ") || "nothing"} is`,
    loaded,
    words: ["load", "-i", site.archive(image)],
  });
  const pull = (image: SampleImage, loaded: readonly SampleImage[]): Victim[] => {
    const reference = site.reference(image);
    const name = `pull ${image.name} where ${loaded.map(({ name }) => name).join(" and ") || "nothing"} is`;
    return reference === null ? [] : [{ name, loaded, words: ["pull", reference] }];
  };
  return [
    ...pull(a, []),
    ...pull(c, [b]),
    load(a, []),
    load(a, [b]),
    load(c, [a, b]),
    load(b, [a]),
    { name: "load of a compressed stream", loaded: [], words: ["load"], input: gzipSync(site.archiveBytes(a)) },
    { name: "rmi of the only image", loaded: [a], words: ["rmi", a.name] },
    { name: "rmi of an image that shares layers", loaded: [a, b], words: ["rmi", b.name] },
    { name: "mount", loaded: [a], words: ["mount", a.name, site.target] },
    { name: "mount on a directory of its own", loaded: [a], words: ["mount", a.name] },
    { name: "mount --rw", loaded: [a], words: ["mount", "--rw", a.name, site.target] },
    { name: "umount --discard", loaded: [a], words: ["umount", "--discard", site.target], mounted: true },
    ...containerVictims(site, a),
  ];
}

function containerVictims(site: Site, a: SampleImage): Victim[] {
  const there = { loaded: [a], container: "there" } as const;
  return [
    { name: "create", loaded: [a], words: ["create", "--name", "new", "-w", "/made/here", a.name, "sh"] },
    { name: "create with a volume", loaded: [a], words: ["create", "-v", "/opt", a.name, "sh"] },
    { name: "rm", ...there, words: ["rm", "box"] },
    { name: "rm -v", loaded: [a], container: "with a volume", words: ["rm", "-v", "box"] },
    { name: "rename", ...there, words: ["rename", "box", "crate"] },
    { name: "mount of a container", ...there, words: ["mount", "box", site.target] },
    { name: "commit", ...there, words: ["commit", "box", "committed:1"] },
    { name: "umount of a container", loaded: [a], container: "mounted", words: ["umount", "box"] },
  ];
}

/** Brings the store to where the victim starts. */
export async function prepare(site: Site, victim: Victim): Promise<void> {
  await using engine = await openSite(site);
  for (const { target } of await engine.mounts()) await engine.unmount({ target, discard: true });
  for (const { id } of await engine.containers({ all: true })) await engine.removeContainer(id, { volumes: true });
  const wanted = new Set(victim.loaded.map(({ name }) => name));
  for (const { id, repository, tag } of await engine.images()) {
    const name = repository === null ? id : `${repository}:${tag}`;
    if (!wanted.delete(name)) await engine.removeImage(name);
  }
  for (const image of victim.loaded) if (wanted.has(image.name)) await engine.load({ file: site.archive(image) });
  const image = victim.loaded[0]?.name ?? "";
  if (victim.mounted) await engine.mount({ image, target: site.target, readWrite: true });
  if (victim.container === undefined) return;
  await engine.createContainer(image, {
    name: "box",
    command: ["sh"],
    workingDir: "/made/here",
    volumes: victim.container === "with a volume" ? ["/opt"] : [],
  });
  if (victim.container === "mounted") await engine.mount({ image: "box", target: site.target });
}

/** Milliseconds that a command takes: all of it, and from its lease on; null where it takes none. */
export interface Timing {
  readonly whole: number;
  readonly work: number | null;
}

export interface Moment {
  readonly after: "start" | "lease";
  readonly milliseconds: number;
}

/** How long the victim takes when it is let live. */
export async function timing(site: Site, victim: Victim): Promise<Timing> {
  await prepare(site, victim);
  const start = performance.now();
  const { ended } = startVictim(site, victim);
  const leaseTime = await timeOfLease(site, ended);
  const { status, stderr } = await ended;
  expect(stderr).toBe("");
  expect(status).toBe(0);
  const end = performance.now();
  return { whole: end - start, work: leaseTime === null ? null : end - leaseTime };
}

/** Starts the victim and kills it at the moment, unless it has ended by itself. Returns whether it was still alive. */
export async function kill(site: Site, victim: Victim, { after, milliseconds }: Moment): Promise<boolean> {
  const { process, ended } = startVictim(site, victim);
  if (after === "lease") await timeOfLease(site, ended);
  await Promise.race([sleep(milliseconds), ended]);
  process.kill("SIGKILL");
  return (await ended).signal === "SIGKILL";
}

/** When a lease is there, to a millisecond or two; null if the command ends before one is seen. */
async function timeOfLease({ root }: Site, ended: Promise<unknown>): Promise<number | null> {
  let isOver = false;
  const over = ended.then(() => {
    isOver = true;
  });
  while (!isOver) {
    if (names(join(root, "layerfs/leases")).length > 0) return performance.now();
    await Promise.race([sleep(1), over]);
  }
  return null;
}

/** What a look at the disk tells of how far the dead one had come. */
export function progressOf({ root, driver }: Site): string {
  const count = (path: string): number => names(join(root, path)).length;
  const db = `image/${driver}`;
  const parts = [
    ["leases", count("layerfs/leases")],
    ["layer records", count(`${db}/layerdb/sha256`)],
    ["half-written records", count(`${db}/layerdb/tmp`)],
    ["images", count(`${db}/imagedb/content/sha256`)],
    ["containers", count("containers")],
    ["mounts", count("layerfs/mounts")],
  ] as const;
  return parts.map(([name, number]) => `${number} ${name}`).join(", ");
}

/** The store must be whole whatever was ended by force: before anything is cleaned up, after it, and in use again. */
export async function expectWhole(site: Site): Promise<void> {
  await using engine = await openSite(site);
  for (const image of await listed(site, engine)) await expectListing(engine, image);
  await expect(engine.removeImage("absent:1")).rejects.toMatchObject({ code: "NOT_FOUND" });
  for (const { target } of await engine.mounts()) await engine.unmount({ target, discard: true });
  expect(scanStore(site.root, site.driver)).toEqual([]);
  for (const image of await listed(site, engine)) await expectTree(site, engine, image);
}

export async function expectLoadsAgain(site: Site, image: SampleImage): Promise<void> {
  await using engine = await openSite(site);
  const [loaded] = await engine.load({ file: site.archive(image) });
  expect(loaded?.id).toBe(image.id);
  await expectTree(site, engine, image);
  expect(scanStore(site.root, site.driver)).toEqual([]);
}

export function openSite(site: Site): Promise<Engine> {
  return openEngine({ root: site.root, driver: site.driver });
}

/** The site's images that are there; those that a victim committed must be whole as well. */
async function listed(site: Site, engine: Engine): Promise<SampleImage[]> {
  const ids = new Set<string>();
  for (const { id } of await engine.images()) {
    if ((await engine.inspect(id)).Container === "") ids.add(id);
    else expect(await engine.list(id, "/made")).toHaveLength(1);
  }
  const known = site.images.filter(({ id }) => ids.has(id));
  expect(known.map(({ id }) => id).sort()).toEqual([...ids].sort());
  return known;
}

/** Read from the records and the layers' directories alone. */
async function expectListing(engine: Engine, image: SampleImage): Promise<void> {
  const nodes = await engine.list(image.id, "/", { recursive: true });
  const paths = nodes.map(({ path }) => path.toString().slice(1));
  expect(paths.sort()).toEqual(Object.keys(image.tree).sort());
}

async function expectTree(site: Site, engine: Engine, image: SampleImage): Promise<void> {
  await engine.mount({ image: image.id, target: site.target });
  try {
    expect(readTreeLines(site.target)).toEqual(image.tree);
  } finally {
    await engine.unmount({ target: site.target });
  }
}

function startVictim(site: Site, { words, input }: Victim): ReturnType<typeof startLayerfs> {
  return startLayerfs(["--root", site.root, "-s", site.driver, "-q", ...words], input);
}

function names(directory: string): string[] {
  try {
    return readdirSync(directory);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return [];
    throw error;
  }
}
