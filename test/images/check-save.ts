/**
 * `npm run test:save -- DIR [NAME...]` (or LAYERFS_IMAGES=DIR): loads each image from its docker-archive, DIR/docker/
 * NAME.tar, and saves it. GNU tar and sha256sum must find the same configs and layers in both archives, two saves must
 * be equal, dockerd must load what was saved, and what dockerd saves of it layerfs must load: the same ids throughout.
 * Beside it stands what memory the save took, and how long it and dockerd's took. It needs root, and 20 GB for the
 * largest image.
 */
import { spawnSync } from "node:child_process";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { startDockerDaemon } from "../support/docker-daemon.ts";
import { fileSystem, makeFileSystem, overlay } from "../support/filesystems.ts";
import { findProgram, program } from "../support/machine.ts";
import { archivesIn, fail, LAYERFS, layerfs, restartInOwnNamespace } from "./lane.ts";
import { measureRun } from "./peak-memory.ts";

/** Most memory that saving an image may take, whatever its size. */
const MEMORY_LIMIT_KIB = 200 * 1024;

const [directory = process.env.LAYERFS_IMAGES, ...only] = process.argv.slice(2);
if (directory === undefined) fail("name the directory of images: npm run test:save -- DIR [NAME...]");
const missing = overlay() ?? fileSystem("ext4") ?? program("dockerd") ?? program("docker") ?? program("sha256sum");
if (missing !== null) fail(missing);
restartInOwnNamespace();
process.exitCode = (await checkAll(directory, only)) === 0 ? 0 : 1;

async function checkAll(images: string, names: readonly string[]): Promise<number> {
  const archives = archivesIn(images, names);
  row("image", "images", "layers", "save s", "MiB", "docker s", "differences");
  let failed = 0;
  for (const name of archives) failed += await checkImage(images, name);
  return failed;
}

async function checkImage(images: string, name: string): Promise<number> {
  using place = makeFileSystem("ext4", { size: "20G" });
  const at = (file: string): string => join(place.directory, file);
  const store = ["--root", at("store"), "--driver", "overlay2", "--quiet", "--format", "json"];
  const input = join(images, "docker", `${name}.tar`);
  const ids = idsOf(layerfs([...store, "load", "-i", input]));
  const { status, stderr, seconds, peakKiB } = await measureRun([LAYERFS, ...store, "save", "-o", at("a.tar"), ...ids]);
  if (status !== 0) throw new Error(`save ${ids.join(" ")}: ${stderr}`);
  layerfs([...store, "save", "-o", at("b.tar"), ...ids]);
  const [before, after] = [contentOf(input), contentOf(at("a.tar"))];
  const docker = await throughDockerd(place.directory, ids);
  const differences = [
    same(before, after) ? [] : [`saved are ${after.join(" ")}, expected ${before.join(" ")}`],
    spawnSync("cmp", [at("a.tar"), at("b.tar")]).status === 0 ? [] : ["two saves differ"],
    same(docker.ids, ids) ? [] : [`dockerd's save gives ${docker.ids.join(" ")}, expected ${ids.join(" ")}`],
    peakKiB <= MEMORY_LIMIT_KIB ? [] : [`the save took ${Math.round(peakKiB / 1024)} MiB`],
  ].flat();
  const layers = String(before.length - ids.length);
  const memory = String(Math.round(peakKiB / 1024));
  row(name, String(ids.length), layers, seconds.toFixed(1), memory, docker.seconds.toFixed(1), `${differences.length}`);
  for (const difference of differences) process.stdout.write(`    ${difference}\n`);
  return differences.length;
}

/** Loads a.tar into a dockerd and what that saves into a store; the ids that come out, and how long dockerd's save took. */
async function throughDockerd(place: string, ids: readonly string[]): Promise<{ ids: string[]; seconds: number }> {
  const directory = join(place, "d");
  mkdirSync(directory);
  const daemon = await startDockerDaemon(directory, "overlay2");
  const docker = (...words: readonly string[]): void => {
    const all = ["-H", `unix://${join(directory, "docker.sock")}`, ...words];
    const { status, stderr } = spawnSync(findProgram("docker") ?? "docker", all, { encoding: "utf8" });
    if (status !== 0) throw new Error(`docker ${words.join(" ")}: ${stderr}`);
  };
  try {
    docker("load", "-i", join(place, "a.tar"));
    const started = performance.now();
    docker("save", "-o", join(place, "docker.tar"), ...ids);
    const seconds = (performance.now() - started) / 1000;
    const store = ["--root", join(place, "again"), "--driver", "overlay2", "--quiet", "--format", "json"];
    return { ids: idsOf(layerfs([...store, "load", "-i", join(place, "docker.tar")])), seconds };
  } finally {
    await daemon.stop();
  }
}

function idsOf(loaded: string): string[] {
  const images: { id: string }[] = JSON.parse(loaded);
  return images.map(({ id }) => id);
}

/** Digests of the configs and layers of an archive, each once, as GNU tar and sha256sum find them. */
function contentOf(archive: string): string[] {
  const manifest: { Config: string; Layers: string[] }[] = JSON.parse(tar("-xOf", archive, "manifest.json"));
  const command = '--to-command=printf "%s %s\\n" "$(sha256sum | cut -c1-64)" "$TAR_FILENAME"';
  const lines = tar("-xf", archive, command).trimEnd().split("\n");
  const digests = new Map(lines.map((line): [string, string] => [line.slice(65), line.slice(0, 64)]));
  const links = linksOf(archive);
  const paths = manifest.flatMap(({ Config, Layers }) => [Config, ...Layers]);
  return [...new Set(paths.map((path) => digests.get(links.get(path) ?? path) ?? `nothing at ${path}`))].sort();
}

/** Symlinks of older archives, from a layer to the same one of another image: `ID/layer.tar -> ../ID/layer.tar`. */
function linksOf(archive: string): Map<string, string> {
  const lines = tar("-tvf", archive).split("\n");
  const links = lines.flatMap((line) => /(\S+\/layer\.tar) -> \.\.\/(\S+)$/.exec(line) ?? []);
  const pairs: [string, string][] = [];
  for (let at = 0; at < links.length; at += 3) pairs.push([links[at + 1] ?? "", links[at + 2] ?? ""]);
  return new Map(pairs);
}

function tar(...words: readonly string[]): string {
  const { status, stdout, stderr } = spawnSync("tar", words, { encoding: "utf8", maxBuffer: 2 ** 26 });
  if (status !== 0) throw new Error(`tar ${words.join(" ")}: ${stderr}`);
  return stdout;
}

function same(some: readonly string[], others: readonly string[]): boolean {
  return [...some].sort().join() === [...others].sort().join();
}

function row(...cells: readonly string[]): void {
  const widths = [9, 6, 6, 6, 4, 8, 11];
  process.stdout.write(
    `${cells
      .map((cell, index) => cell.padEnd(widths[index] ?? 0))
      .join(" | ")
      .trimEnd()}\n`,
  );
}
