/**
 * `npm run test:view -- DIR [NAME...]` (or LAYERFS_IMAGES=DIR): reads each image as a user without any privilege, from
 * its docker-archive, DIR/docker/NAME.tar, and from the OCI layouts of it, DIR/oci/NAME and DIR/oci-zstd/NAME, and
 * compares what `ls`, `cat`, `export`, `cp`, `compare` and `waste` say with what umoci unpacks, or with
 * NAME.expected.jsonl. It needs root for that, GNU tar, and 20 GB for the largest image.
 */
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { chmodSync, existsSync, mkdirSync, readdirSync } from "node:fs";
import { dirname, join } from "node:path";
import { compareTrees, dumpTree, type TreeRow } from "../support/dump-tree.ts";
import { fileSystem, makeFileSystem } from "../support/filesystems.ts";
import { program } from "../support/machine.ts";
import { fail, LAYERFS, restartInOwnNamespace } from "./lane.ts";
import { type ExpectedImage, expectedImage } from "./oracles.ts";
import { measureRun } from "./peak-memory.ts";

const FORMS = ["docker-archive", "oci", "oci-zstd"] as const;
const SHOWN_DIFFERENCES = 10;
const SAMPLED_FILES = 5;
/** Most memory of one command, whatever the image. */
const MEMORY_LIMIT_KIB = 150 * 1024;
const MEASURED = ["large", "wasteful"];
/** User and group `nobody`. */
const NOBODY = "65534";

const [directory = process.env.LAYERFS_IMAGES, ...only] = process.argv.slice(2);
if (directory === undefined) fail("name the directory of images: npm run test:view -- DIR [NAME...]");
const missing = fileSystem("ext4") ?? program("umoci") ?? program("setpriv") ?? program("tar");
if (missing !== null) fail(missing);
restartInOwnNamespace();
process.exitCode = (await checkAll(directory, only)) === 0 ? 0 : 1;

interface Place {
  readonly directory: string;
  /** Where the commands may write; empty when they have ended. */
  readonly temporary: string;
}

async function checkAll(images: string, names: readonly string[]): Promise<number> {
  const present = readdirSync(join(images, "oci"));
  const absent = names.find((name) => !present.includes(name));
  if (absent !== undefined || present.length === 0) fail(`${join(images, "oci")} holds no ${absent ?? "layout"}`);
  let failed = 0;
  row("image", "form", "check", "seconds", "differences");
  for (const name of names.length === 0 ? present : names) failed += await checkImage(images, name);
  process.stdout.write(failed === 0 ? "\nAll answers are as expected.\n" : `\n${failed} checks failed.\n`);
  return failed;
}

async function checkImage(images: string, name: string): Promise<number> {
  using mounted = makeFileSystem("ext4", { size: "20G" });
  for (const directory of [mounted.directory, dirname(mounted.directory)]) chmodSync(directory, 0o755);
  const place = { directory: mounted.directory, temporary: join(mounted.directory, "tmp") };
  mkdirSync(place.temporary);
  chmodSync(place.temporary, 0o1777);
  const expected = expectedImage(images, name, place.directory);
  const sources = sourcesOf(images, name);
  let failed = 0;
  for (const [form, source] of sources) {
    const check = (title: string, act: () => readonly string[]): void => {
      const started = performance.now();
      const differences = [...act(), ...leftIn(place)];
      failed += report(name, form, title, started, differences);
    };
    check("ls", () => checkList(place, source, expected));
    check("cat", () => checkFiles(place, source, expected));
    check("export", () => checkExport(place, source, expected, form));
    check("cp", () => checkCopy(place, source, expected, form));
    check("waste", () => checkWaste(place, source));
    check("compare", () => checkSame(place, sources[0]?.[1] ?? source, source));
    if (MEASURED.includes(name)) failed += await checkMemory(place, name, form, source);
  }
  return failed;
}

function sourcesOf(images: string, name: string): [string, string][] {
  return FORMS.flatMap((form): [string, string][] => {
    const path = form === "docker-archive" ? join(images, "docker", `${name}.tar`) : join(images, form, name);
    if (!existsSync(path)) return [];
    return [[form, form === "docker-archive" ? `docker-archive:${path}` : `oci:${path}:latest`]];
  });
}

/** Without privilege, data root or anything of the caller's environment. */
function command(place: Place, words: readonly string[]): string[] {
  const variables = [`PATH=${process.env.PATH}`, `TMPDIR=${place.temporary}`, `HOME=${place.directory}`];
  const cache = [`XDG_CACHE_HOME=${join(place.directory, "cache")}`];
  const user = ["setpriv", "--reuid", NOBODY, "--regid", NOBODY, "--clear-groups", "--bounding-set=-all"];
  return [...user, "env", "-i", ...variables, ...cache, LAYERFS, "--root", "/proc/no-root", ...words];
}

function run(place: Place, words: readonly string[]): Buffer {
  const [file = "", ...rest] = command(place, words);
  const { status, stdout, stderr } = spawnSync(file, rest, { maxBuffer: 2 ** 30 });
  if (status !== 0) throw new Error(`layerfs ${words.join(" ")}: ${stderr}`);
  return stdout;
}

function leftIn({ temporary }: Place): string[] {
  return readdirSync(temporary).map((name) => `${name} is left in TMPDIR`);
}

interface ListedNode {
  readonly path: string | { readonly base64: string };
  readonly kind: TreeRow["type"];
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly size: number;
  readonly mtime: { readonly seconds: number; readonly nanoseconds: number };
  readonly linkTarget: string | { readonly base64: string } | null;
  readonly device: { readonly major: number; readonly minor: number } | null;
}

/** Contents, attributes and hard links are not in a list: there it agrees with whatever is expected. */
function checkList(place: Place, source: string, { rows }: ExpectedImage): string[] {
  const listed: ListedNode[] = JSON.parse(run(place, ["ls", "-R", "--format", "json", source]).toString());
  const known = new Map(rows.map((row) => [row.path, row]));
  const found = listed.map((node): TreeRow => {
    const path = latin1(node.path).slice(1);
    const { sha256 = null, xattrs = [], group = null } = known.get(path) ?? {};
    return {
      ...{ path, type: node.kind, mode: node.mode, uid: node.uid, gid: node.gid, sha256, xattrs, group },
      size: node.kind === "file" ? node.size : null,
      target: node.linkTarget === null ? null : latin1(node.linkTarget),
      device: node.kind === "fifo" || node.device === null ? null : `${node.device.major}:${node.device.minor}`,
      mtime: BigInt(node.mtime.seconds) * 1_000_000_000n + BigInt(node.mtime.nanoseconds),
    };
  });
  return compareTrees(withoutRoot(rows), found);
}

function latin1(text: string | { readonly base64: string }): string {
  return (typeof text === "string" ? Buffer.from(text) : Buffer.from(text.base64, "base64")).toString("latin1");
}

/** Some files from all over the tree. Only names in UTF-8 can be given to a command. */
function checkFiles(place: Place, source: string, { rows }: ExpectedImage): string[] {
  const files = rows.filter(({ type, path }) => type === "file" && /^[\x20-\x7e]*$/.test(path));
  const step = Math.max(1, Math.floor(files.length / SAMPLED_FILES));
  return files
    .filter((_, index) => index % step === 0)
    .flatMap(({ path, sha256 }) => {
      const found = createHash("sha256")
        .update(run(place, ["cat", source, `/${path}`]))
        .digest("hex");
      return found === sha256 ? [] : [`/${path}: its content has the digest ${found}, expected ${sha256}`];
    });
}

/** What the tar's reader makes of it, to the nanosecond. */
function checkExport(place: Place, source: string, { rows }: ExpectedImage, form: string): string[] {
  const tree = join(place.directory, `exported-${form}`);
  mkdirSync(tree);
  const script = 'out=$1; shift; "$@" | tar -xp --numeric-owner --xattrs --xattrs-include="*" -C "$out"';
  const { status, stderr } = spawnSync("bash", [
    "-o",
    "pipefail",
    "-c",
    script,
    "sh",
    tree,
    ...command(place, ["export", source]),
  ]);
  return [
    ...(status === 0 ? [] : [`the status is ${status}: ${stderr}`]),
    ...compareTrees(withoutRoot(rows), treeIn(tree)),
  ];
}

/** As root, so that owners can be kept. */
function checkCopy(place: Place, source: string, { rows }: ExpectedImage, form: string): string[] {
  const tree = join(place.directory, `copied-${form}`);
  const { status, stderr } = spawnSync(LAYERFS, ["--root", "/proc/no-root", "cp", "-a", `${source}:/`, tree]);
  return [...(status === 0 ? [] : [`cp: ${stderr}`]), ...compareTrees(withoutRoot(rows), treeIn(tree))];
}

/** All bytes of the layers are in the merged tree, or told to be hidden. */
function checkWaste(place: Place, source: string): string[] {
  const waste: { hiddenBytes: number; layers: { bytes: number }[] } = JSON.parse(
    run(place, ["waste", "--format", "json", source]).toString(),
  );
  const { after } = compared(place, source, source);
  const all = waste.layers.reduce((sum, { bytes }) => sum + bytes, 0);
  return all === after.size + waste.hiddenBytes
    ? []
    : [`the layers have ${all} bytes, shown are ${after.size}, hidden ${waste.hiddenBytes}`];
}

function checkSame(place: Place, one: string, other: string): string[] {
  const { files, packages, config } = compared(place, one, other);
  return [...files, ...packages, ...config].map((change) => JSON.stringify(change));
}

interface Compared {
  readonly after: { readonly size: number };
  readonly files: readonly unknown[];
  readonly packages: readonly unknown[];
  readonly config: readonly unknown[];
}

function compared(place: Place, one: string, other: string): Compared {
  return JSON.parse(run(place, ["compare", "--format", "json", one, other]).toString());
}

async function checkMemory(place: Place, name: string, form: string, source: string): Promise<number> {
  let failed = 0;
  for (const verb of ["ls -R", "find", "tree", "export", "waste"]) {
    const started = performance.now();
    const measured = await measureRun(command(place, [...verb.split(" "), source]));
    const peak = `${(measured.peakKiB / 1024).toFixed(1)} MiB`;
    const isGood = measured.status === 0 && measured.peakKiB < MEMORY_LIMIT_KIB;
    failed += report(
      name,
      form,
      `${verb}: ${peak}`,
      started,
      isGood ? [] : [`more than ${MEMORY_LIMIT_KIB / 1024} MiB`],
    );
  }
  return failed;
}

function treeIn(directory: string): TreeRow[] {
  return withoutRoot(dumpTree(directory));
}

/** A list need not tell what the root is. */
function withoutRoot(rows: readonly TreeRow[]): TreeRow[] {
  return rows.filter(({ path }) => path !== "");
}

function report(name: string, form: string, title: string, started: number, differences: readonly string[]): number {
  row(name, form, title, ((performance.now() - started) / 1000).toFixed(1), String(differences.length));
  for (const difference of differences.slice(0, SHOWN_DIFFERENCES)) process.stdout.write(`    ${difference}\n`);
  return differences.length === 0 ? 0 : 1;
}

function row(...cells: readonly string[]): void {
  const widths = [9, 15, 20, 8, 0];
  process.stdout.write(`${cells.map((cell, index) => cell.padEnd(widths[index] ?? 0)).join(" | ")}\n`);
}
