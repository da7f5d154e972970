/**
 * `npm run test:transfers -- DIR [NAME...]` (or LAYERFS_IMAGES=DIR): loads each image from DIR/docker/NAME.tar, pushes
 * it to a docker-registry on loopback, pulls it from there into an empty store and saves it from that. Ids and diffIDs
 * must stay the same, every layer that is saved must have its diffID, and push, pull and save of the image `large` must
 * each take less than 200 MiB of memory. Where there is a dockerd, it pulls the image too and pushes it back under another
 * name, by which layerfs pulls it once more. It needs root, docker-registry and 20 GB for the largest.
 */
import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdirSync } from "node:fs";
import { basename, join } from "node:path";
import { dockerd, startDockerd } from "../support/dockerd.ts";
import { fileSystem, makeFileSystem, overlay } from "../support/filesystems.ts";
import { registry as registryProgram, startRegistry } from "../support/registry/registry.ts";
import { archivesIn, fail, LAYERFS, layerfs, restartInOwnNamespace } from "./lane.ts";
import { type MeasuredRun, measureRun } from "./peak-memory.ts";

const MEMORY_LIMIT_KIB = 200 * 1024;
const MEASURED = "large";

const [directory = process.env.LAYERFS_IMAGES, ...only] = process.argv.slice(2);
if (directory === undefined) fail("name the directory of images: npm run test:transfers -- DIR [NAME...]");
const missing = overlay() ?? fileSystem("ext4") ?? registryProgram();
if (missing !== null) fail(missing);
restartInOwnNamespace();
process.exitCode = (await checkAll(directory, only)) === 0 ? 0 : 1;

async function checkAll(images: string, names: readonly string[]): Promise<number> {
  const archives = archivesIn(images, names);
  row("image", "push s", "pull s", "save s", "push MiB", "pull MiB", "save MiB", "differences");
  let failed = 0;
  for (const name of archives) failed += (await checkImage(images, name)) ? 0 : 1;
  process.stdout.write(failed === 0 ? "\nAll images are as expected.\n" : `\n${failed} images are not.\n`);
  return failed;
}

async function checkImage(images: string, name: string): Promise<boolean> {
  using place = makeFileSystem("ext4", { size: "20G" });
  await using server = await startRegistry();
  const from = store(place.directory, "from");
  const to = store(place.directory, "to");
  const loaded: { id: string }[] = JSON.parse(
    layerfs([...from, "--format", "json", "load", "-i", join(images, "docker", `${name}.tar`)]),
  );
  const references = loaded.map((_, index) => `${server.host}/lab/${name}:${index}`);
  for (const [index, { id }] of loaded.entries()) layerfs([...from, "tag", id, references[index]!]);
  const pushes = await all(references, (reference) => measureRun([LAYERFS, ...from, "push", reference]));
  const pulls = await all(references, (reference) => measureRun([LAYERFS, ...to, "pull", reference]));
  const saved = join(place.directory, "saved.tar");
  const saves = [await measureRun([LAYERFS, ...to, "save", "-o", saved, ...references])];
  const failures = [...pushes, ...pulls, ...saves].filter(({ status }) => status !== 0).map(({ stderr }) => stderr);
  const differences = [...failures];
  if (failures.length === 0) {
    for (const [index, { id }] of loaded.entries()) {
      if (facts(to, references[index]!) !== facts(from, id)) differences.push(`${id} has become another image`);
    }
    differences.push(...(await wrongBlobs(saved)));
  }
  const columns = [pushes, pulls, saves];
  const peaks = columns.map((runs) => Math.max(...runs.map(({ peakKiB }) => peakKiB)));
  if (differences.length === 0)
    differences.push(...(await throughDocker(place.directory, server.host, loaded, references)));
  if (name === MEASURED) {
    for (const peak of peaks) if (peak > MEMORY_LIMIT_KIB) differences.push(`${peak} KiB of memory were used`);
  }
  const seconds = columns.map((runs) => runs.reduce((sum, run) => sum + run.seconds, 0).toFixed(1));
  row(name, ...seconds, ...peaks.map((peak) => (peak / 1024).toFixed(0)), differences.join("; ") || "none");
  return differences.length === 0;
}

/** What becomes another image on its way through dockerd. */
async function throughDocker(
  place: string,
  host: string,
  images: readonly { readonly id: string }[],
  references: readonly string[],
): Promise<string[]> {
  if (dockerd() !== null) return [];
  const root = join(place, "docker");
  const back = store(place, "back");
  const differences: string[] = [];
  mkdirSync(root);
  await using daemon = await startDockerd(root, "overlay2");
  for (const [index, { id }] of images.entries()) {
    const pulled = references[index]!;
    const returned = `${host}/docker/${basename(pulled)}`;
    try {
      daemon.docker("pull", pulled);
    } catch (error) {
      // dockerd refuses some layers that the specification allows.
      process.stdout.write(`    ${(error as Error).message}\n`);
      continue;
    }
    const found = daemon.docker("inspect", "-f", "{{.Id}}", pulled);
    if (found !== id) differences.push(`dockerd has ${found} for ${id}`);
    daemon.docker("tag", pulled, returned);
    daemon.docker("push", returned);
    layerfs([...back, "pull", returned]);
    const [last] = facts(back, returned).split(" ");
    if (last !== id) differences.push(`${last} came back from dockerd for ${id}`);
  }
  return differences;
}

async function all<T>(items: readonly T[], run: (item: T) => Promise<MeasuredRun>): Promise<MeasuredRun[]> {
  const runs: MeasuredRun[] = [];
  for (const item of items) runs.push(await run(item));
  return runs;
}

function store(place: string, name: string): string[] {
  return ["--root", join(place, name), "--driver", "overlay2", "--quiet"];
}

/** Id and diffIDs of an image in a store. */
function facts(options: readonly string[], image: string): string {
  return layerfs([...options, "inspect", "--format", "{{.Id}} {{json .RootFS.Layers}}", image]);
}

/** Blobs of a saved archive, that is configs, manifests and layers, whose bytes do not have the digest in their name. */
async function wrongBlobs(archive: string): Promise<string[]> {
  const members = (await tar(["-tf", archive])).toString().split("\n");
  const blobs = members.filter((member) => /^blobs\/sha256\/[0-9a-f]{64}$/.test(member));
  const wrong = blobs.length === 0 ? ["the archive has no blobs"] : [];
  for (const blob of blobs) {
    const hash = createHash("sha256");
    await tar(["-xOf", archive, blob], (chunk) => hash.update(chunk));
    if (hash.digest("hex") !== basename(blob)) wrong.push(`${blob} holds other bytes`);
  }
  return wrong;
}

/** What tar prints, or nothing where `each` takes it piece by piece. */
function tar(words: readonly string[], each?: (chunk: Buffer) => void): Promise<Buffer> {
  const child = spawn("tar", words, { stdio: ["ignore", "pipe", "inherit"] });
  const chunks: Buffer[] = [];
  child.stdout.on("data", each ?? ((chunk: Buffer) => chunks.push(chunk)));
  return new Promise((resolve, reject) => {
    child.on("error", reject);
    child.on("close", (status) =>
      status === 0 ? resolve(Buffer.concat(chunks)) : reject(new Error(`tar ${words.join(" ")} ended with ${status}`)),
    );
  });
}

function row(...cells: readonly string[]): void {
  const widths = [9, 7, 7, 7, 8, 8, 8];
  process.stdout.write(`${cells.map((cell, index) => cell.padEnd(widths[index] ?? 0)).join(" | ")}\n`);
}
