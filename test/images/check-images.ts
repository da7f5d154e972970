/**
 * `npm run test:images -- DIR` (or LAYERFS_IMAGES=DIR): loads whole images and compares what comes out, byte for byte
 * and attribute for attribute, with what umoci makes of them. DIR holds docker/NAME.tar, as `docker save` writes it, and
 * oci/NAME with the same image; NAME.expected.jsonl, where it is there, replaces umoci. An archive without a layout of
 * its name is checked by its images' names (`lab/nginx:1` by oci/nginx). It needs root, and 40 GB for the largest.
 */
import { existsSync, mkdirSync } from "node:fs";
import { basename, join } from "node:path";
import { compareTrees, dumpTree, type TreeRow } from "../support/dump-tree.ts";
import { fileSystem, makeFileSystem, overlay } from "../support/filesystems.ts";
import { program } from "../support/machine.ts";
import { compressedForms } from "./compressed.ts";
import { archivesIn, fail, LAYERFS, layerfs, mountedTree, restartInOwnNamespace } from "./lane.ts";
import { type ExpectedImage, expectedImage } from "./oracles.ts";
import { measureRun } from "./peak-memory.ts";

interface Result {
  readonly archive: string;
  readonly image: string;
  readonly way: string;
  readonly nodes: number;
  /** Times of directories that the oracle does not tell. */
  readonly untold: number;
  readonly seconds: number;
  readonly differences: readonly string[];
}

const DRIVERS = ["overlay2", "vfs"] as const;
/** Most memory that loading an image may take, whatever its size. */
const MEMORY_LIMIT_KIB = 200 * 1024;
const MEASURED = "large";
const COMPRESSED = "busybox";
const SHOWN_DIFFERENCES = 20;

const [directory = process.env.LAYERFS_IMAGES, ...only] = process.argv.slice(2);
if (directory === undefined) fail("name the directory of images: npm run test:images -- DIR [NAME...]");
const missing = overlay() ?? fileSystem("ext4") ?? program("umoci") ?? program("zstd");
if (missing !== null) fail(missing);
restartInOwnNamespace();
const bad = await checkAll(directory, only);
process.exitCode = bad === 0 ? 0 : 1;

async function checkAll(images: string, names: readonly string[]): Promise<number> {
  const archives = archivesIn(images, names);
  let failed = 0;
  row("archive", "image", "way", "nodes", "untold times", "load s", "differences");
  for (const archive of archives) {
    for (const driver of DRIVERS) {
      for (const result of checkArchive(images, archive, driver)) failed += report(result);
    }
  }
  if (archives.includes(COMPRESSED)) failed += checkCompressed(images);
  if (archives.includes(MEASURED)) failed += await checkMemory(images);
  process.stdout.write(failed === 0 ? "\nAll images are as expected.\n" : `\n${failed} checks failed.\n`);
  return failed;
}

function checkArchive(images: string, archive: string, driver: (typeof DRIVERS)[number]): Result[] {
  using place = makeFileSystem("ext4", { size: "40G" });
  const store = ["--root", join(place.directory, "store"), "--driver", driver, "--quiet", "--format", "json"];
  const started = performance.now();
  const loaded: { id: string; names: string[] }[] = JSON.parse(
    layerfs([...store, "load", "-i", join(images, "docker", `${archive}.tar`)]),
  );
  const seconds = (performance.now() - started) / 1000;
  const other = driver === "vfs" ? "overlay2" : "vfs";
  if (existsSync(join(place.directory, "store", other))) fail(`--driver ${driver} has made a store of ${other}`);
  return loaded.flatMap(({ id, names }) => {
    const scratch = join(place.directory, id.slice(-8));
    mkdirSync(scratch);
    const name = existsSync(join(images, "oci", archive)) ? archive : imageName(names);
    const expected = expectedImage(images, name, scratch);
    const common = {
      archive,
      image: name,
      nodes: expected.rows.length,
      untold: expected.rows.filter(({ mtime }) => mtime === null).length,
      seconds,
    };
    const compare = (rows: readonly TreeRow[]): string[] =>
      compareTrees(expected.rows, withoutUnlisted(expected, rows));
    const results = [
      { ...common, way: `${driver}, ids`, differences: compareIDs(expected, id, layerfs([...store, "explain", id])) },
      { ...common, way: `${driver}, mounted`, differences: compare(mountedTree(store, id, join(scratch, "mnt"))) },
    ];
    if (driver === "overlay2") {
      layerfs([...store, "unpack", id, join(scratch, "unpacked")]);
      results.push({ ...common, way: "unpacked", differences: compare(dumpTree(join(scratch, "unpacked"))) });
    }
    return results;
  });
}

function compareIDs(expected: ExpectedImage, id: string, explained: string): string[] {
  const { layers }: { layers: { diffID: string }[] } = JSON.parse(explained);
  const found = layers.map(({ diffID }) => diffID);
  const differences = id === expected.id ? [] : [`the id is ${id}, expected ${expected.id}`];
  if (found.join() === expected.diffIDs.join()) return differences;
  return [...differences, `the diffIDs are ${found.join(" ")}, expected ${expected.diffIDs.join(" ")}`];
}

/** A list need not tell what the root is. */
function withoutUnlisted(expected: ExpectedImage, rows: readonly TreeRow[]): readonly TreeRow[] {
  return expected.rows.some(({ path }) => path === "") ? rows : rows.filter(({ path }) => path !== "");
}

/** However an archive and its layers are compressed, the image is the same. */
function checkCompressed(images: string): number {
  using place = makeFileSystem("ext4", { size: "1G" });
  const expected = expectedImage(images, COMPRESSED, place.directory);
  const forms = compressedForms(join(images, "docker", `${COMPRESSED}.tar`), place.directory);
  return forms.reduce((failed, { name, archive }, index) => {
    const store = ["--root", join(place.directory, `store-${index}`), "--driver", "overlay2", "--format", "json"];
    const started = performance.now();
    const [loaded]: { id: string }[] = JSON.parse(layerfs([...store, "load", "-i", archive]));
    const seconds = (performance.now() - started) / 1000;
    const id = loaded?.id ?? "";
    const differences = [
      ...compareIDs(expected, id, layerfs([...store, "explain", id])),
      ...compareTrees(expected.rows, mountedTree(store, id, join(place.directory, `mnt-${index}`))),
    ];
    const nodes = expected.rows.length;
    return (
      failed + report({ archive: COMPRESSED, image: COMPRESSED, way: name, nodes, untold: 0, seconds, differences })
    );
  }, 0);
}

/** With the compile cache empty, then filled by that run. */
async function checkMemory(images: string): Promise<number> {
  using place = makeFileSystem("ext4", { size: "40G" });
  let failed = 0;
  for (const cache of ["cold", "warm"]) {
    const root = join(place.directory, `store-${cache}`);
    const words = [LAYERFS, "--root", root, "--driver", "overlay2", "load", "-i"];
    const environment = { XDG_CACHE_HOME: join(place.directory, "cache") };
    const run = await measureRun([...words, join(images, "docker", `${MEASURED}.tar`)], environment);
    const isGood = run.status === 0 && run.peakKiB < MEMORY_LIMIT_KIB;
    const peak = `${(run.peakKiB / 1024).toFixed(1)} MiB`;
    process.stdout.write(
      `${isGood ? "ok    " : "FAILED"} peak memory of loading ${MEASURED}, ${cache} compile cache: ${peak} ` +
        `(less than ${MEMORY_LIMIT_KIB / 1024} MiB expected), ${run.seconds.toFixed(1)} s ${run.stderr}\n`,
    );
    if (!isGood) failed++;
  }
  return failed;
}

/** `nginx` for lab/nginx:1. */
function imageName(names: readonly string[]): string {
  return basename(names[0] ?? "").replace(/[:@].*/, "");
}

function report({ archive, image, way, nodes, untold, seconds, differences }: Result): number {
  row(archive, image, way, String(nodes), String(untold), seconds.toFixed(1), String(differences.length));
  for (const difference of differences.slice(0, SHOWN_DIFFERENCES)) process.stdout.write(`    ${difference}\n`);
  return differences.length === 0 ? 0 : 1;
}

function row(...cells: readonly string[]): void {
  const widths = [9, 8, 18, 6, 12, 7, 0];
  process.stdout.write(`${cells.map((cell, index) => cell.padEnd(widths[index] ?? 0)).join(" | ")}\n`);
}
