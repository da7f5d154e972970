/**
 * `npm run test:view -- DIR [NAME...]` (or LAYERFS_IMAGES=DIR): reads each image as a user without any privilege, from
 * its docker-archive, DIR/docker/NAME.tar, from the OCI layouts of it, DIR/oci/NAME and DIR/oci-zstd/NAME, and from a
 * docker-registry on loopback. What `ls`, `cat`, `export` and `cp` give is compared with what umoci unpacks, or with
 * NAME.expected.jsonl; `waste` and `compare` with what GNU tar lists of the layers besides; exported tars with those of
 * `docker export`. It needs root for that, and 20 GB for the largest image.
 */
import { join } from "node:path";
import { dockerd } from "../support/dockerd.ts";
import { fileSystem, makeFileSystem } from "../support/filesystems.ts";
import { program } from "../support/machine.ts";
import { registry as registryProgram, startRegistry, type TestRegistry } from "../support/registry/registry.ts";
import { fail, restartInOwnNamespace } from "./lane.ts";
import { expectedImage } from "./oracles.ts";
import { measureRun } from "./peak-memory.ts";
import { checkComparison, checkSame, checkWaste } from "./view/answer-checks.ts";
import { dockerExportedTree } from "./view/docker-export.ts";
import { expectedPackages, type OracleImage } from "./view/expected-comparison.ts";
import { listLayers } from "./view/listed-layers.ts";
import { imagesIn, sourcesOf, type ViewedImage } from "./view/sources.ts";
import { checkCopy, checkExport, checkFiles, checkList, checkOwnCopy } from "./view/tree-checks.ts";
import { command, findPrivileges, leftIn, makeOpen, makePlace, type Place } from "./view/unprivileged.ts";

const SHOWN_DIFFERENCES = 10;
/** Most memory of one command, whatever the image. */
const MEMORY_LIMIT_KIB = 150 * 1024;
const MEASURED = ["large", "wasteful"];
/** Compared with one another. */
const PAIRS = [
  ["certs", "nginx"],
  ["base", "python"],
  ["busybox", "nasty"],
] as const;

const [directory = process.env.LAYERFS_IMAGES, ...only] = process.argv.slice(2);
if (directory === undefined) fail("name the directory of images: npm run test:view -- DIR [NAME...]");
const missing = fileSystem("ext4") ?? program("umoci") ?? program("setpriv") ?? program("tar");
if (missing !== null) fail(missing);
restartInOwnNamespace();
process.exitCode = (await checkAll(directory, only)) === 0 ? 0 : 1;

async function checkAll(directory: string, names: readonly string[]): Promise<number> {
  const images = imagesIn(directory, names);
  const withoutRegistry = registryProgram();
  await using registry = withoutRegistry === null ? await startRegistry() : null;
  for (const [what, why] of [
    ["images in a registry", withoutRegistry],
    ["docker export", dockerd()],
    ["packages of dpkg", program("dpkg-query")],
  ]) {
    if (why !== null) process.stdout.write(`left out: ${what}, for ${why}\n`);
  }
  let failed = 0;
  row("image", "form", "check", "seconds", "differences");
  for (const image of images) failed += await checkImage(directory, image, registry);
  for (const [before, after] of PAIRS) {
    const [one, other] = [before, after].map((wanted) => images.find(({ title }) => title === wanted));
    if (one && other) failed += await checkPair(directory, [one, other], registry);
  }
  process.stdout.write(failed === 0 ? "\nAll answers are as expected.\n" : `\n${failed} checks failed.\n`);
  return failed;
}

async function checkImage(directory: string, image: ViewedImage, registry: TestRegistry | null): Promise<number> {
  using mounted = makeFileSystem("ext4", { size: "20G" });
  const common = makePlace(mounted.directory);
  const oracle = oracleOf(directory, image, common);
  const { rows } = oracle.expected;
  const exportedByDocker = dockerd() === null ? await fromDocker(directory, image, common) : null;
  const sources = await sourcesOf(directory, image, registry);
  let failed = report(image.title, "", "privileges", performance.now(), findPrivileges(common));
  for (const { form, text } of sources) {
    const place = withOwnCache(common, form);
    const check = (title: string, act: () => readonly string[]): void => {
      failed += reportCheck(place, [image.title, form, title], act);
    };
    check("ls", () => checkList(place, text, rows));
    check("cat", () => checkFiles(place, text, rows));
    check("export", () => checkExport(place, text, rows, exportedByDocker));
    check("cp", () => checkOwnCopy(place, text, rows));
    check("cp -a as root", () => checkCopy(place, text, rows));
    check("waste", () => checkWaste(place, text, oracle));
    check("compare", () => checkSame(place, sources[0]?.text ?? text, text));
    if (MEASURED.includes(image.name)) failed += await checkMemory(place, image.title, form, text);
  }
  return failed;
}

/** Two images, each from another place than the other. */
async function checkPair(
  directory: string,
  images: readonly [ViewedImage, ViewedImage],
  registry: TestRegistry | null,
): Promise<number> {
  using mounted = makeFileSystem("ext4", { size: "20G" });
  const common = makePlace(mounted.directory);
  const [before, after] = images;
  const oracles = [oracleOf(directory, before, common), oracleOf(directory, after, common)] as const;
  const trees = images.map(({ name }) => join(common.directory, name, "rootfs"));
  const isUnpacked = oracles.every(({ expected }) => expected.oracle === "umoci");
  const packages = isUnpacked && program("dpkg-query") === null ? expectedPackages(trees[0]!, trees[1]!) : null;
  const [from, to] = [await sourcesOf(directory, before, registry), await sourcesOf(directory, after, registry)];
  const title = `${before.title} ${after.title}`;
  let failed = 0;
  for (const [index, one] of from.entries()) {
    const other = to.toReversed()[index % to.length]!;
    const place = withOwnCache(common, `${index}`);
    failed += reportCheck(place, [title, `${one.form} ${other.form}`, "compare"], () =>
      checkComparison(place, [one.text, other.text], oracles, packages),
    );
  }
  return failed;
}

function oracleOf(directory: string, { name }: ViewedImage, place: Place): OracleImage {
  return {
    expected: expectedImage(directory, name, place.directory),
    layers: listLayers(join(directory, "oci", name)),
  };
}

function fromDocker(directory: string, { archive, reference }: ViewedImage, place: Place) {
  return dockerExportedTree(place.directory, join(directory, "docker", `${archive}.tar`), reference);
}

/** Nothing is known of an image from another of its places. */
function withOwnCache(place: Place, name: string): Place {
  const cache = join(place.directory, `cache-${name}`);
  makeOpen(cache);
  return { ...place, cache };
}

async function checkMemory(place: Place, title: string, form: string, source: string): Promise<number> {
  let failed = 0;
  for (const verb of ["ls -R", "find", "tree", "export", "waste"]) {
    const started = performance.now();
    const measured = await measureRun(command(place, [...verb.split(" "), source]));
    const peak = `${(measured.peakKiB / 1024).toFixed(1)} MiB`;
    const isGood = measured.status === 0 && measured.peakKiB < MEMORY_LIMIT_KIB;
    const differences = isGood ? [] : [`more than ${MEMORY_LIMIT_KIB / 1024} MiB, or it failed: ${measured.stderr}`];
    failed += report(title, form, `${verb}: ${peak}`, started, differences);
  }
  return failed;
}

function reportCheck(
  place: Place,
  [title, form, check]: readonly [string, string, string],
  act: () => readonly string[],
): number {
  const started = performance.now();
  const differences = [...act(), ...leftIn(place)];
  return report(title, form, check, started, differences);
}

function report(title: string, form: string, check: string, started: number, differences: readonly string[]): number {
  row(title, form, check, ((performance.now() - started) / 1000).toFixed(1), String(differences.length));
  for (const difference of differences.slice(0, SHOWN_DIFFERENCES)) process.stdout.write(`    ${difference}\n`);
  return differences.length === 0 ? 0 : 1;
}

function row(...cells: readonly string[]): void {
  const widths = [12, 21, 20, 8, 0];
  process.stdout.write(`${cells.map((cell, index) => cell.padEnd(widths[index] ?? 0)).join(" | ")}\n`);
}
