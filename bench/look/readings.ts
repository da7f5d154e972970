import { statSync } from "node:fs";
import { join } from "node:path";
import { command } from "../file-system.ts";
import { DROPPING_NEEDS, dropFromMemory, readIntoMemory } from "../page-cache.ts";
import type { Images } from "../program.ts";
import { forgetImages } from "./cache.ts";
import { layoutLayers } from "./layout-layers.ts";
import { parseLayerfsListing, sourceOf } from "./listers/layerfs.ts";
import { middleFile } from "./middle-file.ts";
import type { Reading } from "./reading.ts";

export interface ReadingPlace extends Images {
  /** The words that start layerfs. */
  readonly layerfs: readonly string[];
  /** A directory for caches. */
  readonly store: string;
}

const REFERENCES = join(import.meta.dirname, "references");

/** The largest image is listed in all ways; the two largest are exported, searched for waste and compared. */
export async function readingsOf(images: readonly string[], place: ReadingPlace): Promise<Reading[]> {
  const sizeOf = (image: string): number => statSync(archiveOf(image, place)).size;
  const [largest, second] = [...images].sort((a, b) => sizeOf(b) - sizeOf(a));
  if (largest === undefined) return [];
  const ours = new Commands(place);
  ours.fillCaches(sourceOf(largest, "OCI layout", place), sourceOf(largest, "docker-archive", place));
  const both = second === undefined ? [largest] : [largest, second];
  return [
    ...start(ours),
    ...layoutListings(largest, ours, place),
    ...archiveListings(largest, ours, place),
    ...archiveListingsFromDisk(largest, ours, place),
    ...oneFile(largest, ours, place),
    ...both.flatMap((image) => wholeImage(image, ours, place)),
    ...(second === undefined ? [] : comparison(largest, second, ours, place)),
  ];
}

type Ours = Omit<Reading, "task" | "isReference">;

/** Commands of layerfs, with a cache that is kept or one that forgets images before each run. */
class Commands {
  readonly #words: readonly string[];
  readonly #kept: string;
  readonly #forgetful: string;

  constructor({ layerfs, store }: ReadingPlace) {
    this.#words = [...layerfs, "--root", join(store, "no-root")];
    this.#kept = join(store, "kept");
    this.#forgetful = join(store, "forgetful");
  }

  /** So that compiled code is in both of them, and the images in the kept one. */
  fillCaches(...sources: readonly string[]): void {
    for (const source of sources) this.output("ls", "-R", source);
    command("cp", "--archive", this.#kept, this.#forgetful);
  }

  /** What a command prints, with the kept cache. */
  output(...words: readonly string[]): string {
    return command("env", `XDG_CACHE_HOME=${this.#kept}`, ...this.#words, ...words);
  }

  first(name: string, ...words: readonly string[]): Ours & { prepare(): void } {
    return {
      command: `layerfs ${name}, first`,
      words: [...this.#words, ...words],
      env: { XDG_CACHE_HOME: this.#forgetful },
      prepare: () => forgetImages(this.#forgetful),
    };
  }

  again(name: string, ...words: readonly string[]): Ours {
    return {
      command: `layerfs ${name}`,
      words: [...this.#words, ...words],
      env: { XDG_CACHE_HOME: this.#kept },
    };
  }
}

function start(ours: Commands): Reading[] {
  const task = "start of the program";
  return [
    { task, isReference: false, ...ours.again("version", "version") },
    { task, isReference: true, command: "node -e 0", words: [process.execPath, "-e", "0"] },
  ];
}

function layoutListings(image: string, ours: Commands, place: ReadingPlace): Reading[] {
  const task = `list ${image}, OCI layout`;
  const source = sourceOf(image, "OCI layout", place);
  const layers = layoutLayers(join(place.directory, "oci", image));
  if (layers.some(({ isGzip }) => !isGzip)) throw new Error(`${image} has layers that are not gzipped`);
  const gunzip = [process.execPath, join(REFERENCES, "gunzip-files.js")];
  const paths = layers.map(({ path }) => path);
  const first = ours.first("ls -R", "ls", "-R", source);
  const inMemory = async (): Promise<void> => {
    for (const path of paths) await readIntoMemory(path);
  };
  return [
    { task, isReference: false, ...first, prepare: withBoth(first.prepare, inMemory) },
    { task, isReference: false, ...ours.again("ls -R, again", "ls", "-R", source) },
    { task, isReference: true, command: "createGunzip", words: [...gunzip, ...paths], prepare: inMemory },
    {
      task,
      isReference: true,
      command: "createGunzip and SHA-256",
      words: [...gunzip, "--sha256", ...paths],
      prepare: inMemory,
    },
  ];
}

function archiveListings(image: string, ours: Commands, place: ReadingPlace): Reading[] {
  const task = `list ${image}, docker-archive in memory`;
  const source = sourceOf(image, "docker-archive", place);
  const archive = archiveOf(image, place);
  const first = ours.first("ls -R", "ls", "-R", source);
  const inMemory = (): Promise<void> => readIntoMemory(archive);
  return [
    { task, isReference: false, ...first, prepare: withBoth(first.prepare, inMemory) },
    { task, isReference: false, ...ours.again("ls -R, again", "ls", "-R", source) },
    ...plainReadings(archive).map((reading) => ({ task, ...reading, prepare: inMemory })),
  ];
}

function archiveListingsFromDisk(image: string, ours: Commands, place: ReadingPlace): Reading[] {
  const task = `list ${image}, docker-archive from disk`;
  const archive = archiveOf(image, place);
  const first = ours.first("ls -R", "ls", "-R", sourceOf(image, "docker-archive", place));
  const onDisk = (): void => dropFromMemory(archive);
  const needs = DROPPING_NEEDS;
  return [
    { task, isReference: false, needs, ...first, prepare: withBoth(first.prepare, onDisk) },
    ...plainReadings(archive).map((reading) => ({ task, needs, ...reading, prepare: onDisk })),
  ];
}

function plainReadings(file: string): Omit<Reading, "task">[] {
  return [
    { isReference: true, command: "cat", words: ["cat", file] },
    {
      isReference: true,
      command: "read and SHA-256",
      words: [process.execPath, join(REFERENCES, "hash-file.js"), file],
    },
  ];
}

function oneFile(image: string, ours: Commands, place: ReadingPlace): Reading[] {
  const source = sourceOf(image, "OCI layout", place);
  const shown = parseLayerfsListing(ours.output("ls", "-R", "--format", "json", source));
  const path = middleFile(layoutLayers(join(place.directory, "oci", image)), shown);
  if (path === null) return [];
  const task = `a small file in the middle of the largest layer of ${image}, OCI layout`;
  return [{ task, isReference: false, ...ours.again("cat", "cat", source, `/${path}`) }];
}

function wholeImage(image: string, ours: Commands, place: ReadingPlace): Reading[] {
  const task = `all of ${image}, OCI layout`;
  const source = sourceOf(image, "OCI layout", place);
  return ["export", "waste"].map((verb) => ({ task, isReference: false, ...ours.first(verb, verb, source) }));
}

function comparison(before: string, after: string, ours: Commands, place: ReadingPlace): Reading[] {
  const sources = [before, after].map((image) => sourceOf(image, "OCI layout", place));
  const task = `${before} and ${after}, OCI layout`;
  return [{ task, isReference: false, ...ours.first("compare", "compare", ...sources) }];
}

function withBoth(first: () => void, second: () => void | Promise<void>): () => Promise<void> {
  return async () => {
    first();
    await second();
  };
}

function archiveOf(image: string, { directory }: Images): string {
  return join(directory, "docker", `${image}.tar`);
}
