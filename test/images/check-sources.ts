/**
 * `npm run test:sources -- DIR [NAME...]` (or LAYERFS_IMAGES=DIR): loads each image from its docker-archive, DIR/docker/
 * NAME.tar, and from the OCI layouts of it, DIR/oci/NAME (gzip) and DIR/oci-zstd/NAME. Ids, diffIDs and the mounted
 * trees must be the same, and so must be what `unpack` writes of a layout without any store. It needs root, and 20 GB
 * for the largest image.
 */
import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { compareTrees, dumpTree, type TreeRow } from "../support/dump-tree.ts";
import { fileSystem, makeFileSystem, overlay } from "../support/filesystems.ts";
import { fail, layerfs, mountedTree, restartInOwnNamespace } from "./lane.ts";

interface Loaded {
  readonly id: string;
  readonly diffIDs: readonly string[];
  readonly rows: readonly TreeRow[];
  readonly seconds: number;
}

const FORMS = ["oci", "oci-zstd"] as const;
const SHOWN_DIFFERENCES = 20;

const [directory = process.env.LAYERFS_IMAGES, ...only] = process.argv.slice(2);
if (directory === undefined) fail("name the directory of images: npm run test:sources -- DIR [NAME...]");
const missing = overlay() ?? fileSystem("ext4");
if (missing !== null) fail(missing);
restartInOwnNamespace();
process.exitCode = checkAll(directory, only) === 0 ? 0 : 1;

function checkAll(images: string, names: readonly string[]): number {
  const present = readdirSync(join(images, "oci"));
  const absent = names.find((name) => !present.includes(name));
  if (absent !== undefined || present.length === 0) fail(`${join(images, "oci")} holds no ${absent ?? "layout"}`);
  row("image", "form", "layers", "nodes", "load s", "ids", "diffIDs", "mounted", "unpacked");
  return (names.length === 0 ? present : names).reduce((failed, name) => failed + checkImage(images, name), 0);
}

function checkImage(images: string, name: string): number {
  const expected = load(["-i", join(images, "docker", `${name}.tar`)]);
  show(name, "docker-archive", expected, ["", "", "", ""]);
  let failed = 0;
  for (const form of FORMS) {
    const layout = join(images, form, name);
    if (!existsSync(layout)) continue;
    const found = load([`oci:${layout}:latest`]);
    const differences = [
      found.id === expected.id ? [] : [`the id is ${found.id}, expected ${expected.id}`],
      found.diffIDs.join() === expected.diffIDs.join() ? [] : [`the diffIDs are ${found.diffIDs.join(" ")}`],
      compareTrees(expected.rows, found.rows),
      compareTrees(expected.rows, unpackedTree(`oci:${layout}:latest`)),
    ];
    const verdicts = differences.map((list) => (list.length === 0 ? "same" : `${list.length} differ`));
    show(name, form, found, verdicts);
    for (const difference of differences.flat().slice(0, SHOWN_DIFFERENCES))
      process.stdout.write(`    ${difference}\n`);
    if (differences.flat().length > 0) failed++;
  }
  return failed;
}

function load(words: readonly string[]): Loaded {
  using place = makeFileSystem("ext4", { size: "20G" });
  const store = ["--root", join(place.directory, "store"), "--driver", "overlay2", "--quiet", "--format", "json"];
  const started = performance.now();
  const [image]: { id: string }[] = JSON.parse(layerfs([...store, "load", ...words]));
  const seconds = (performance.now() - started) / 1000;
  const id = image?.id ?? fail(`load ${words.join(" ")} has loaded nothing`);
  const { layers }: { layers: { diffID: string }[] } = JSON.parse(layerfs([...store, "explain", id]));
  const rows = mountedTree(store, id, join(place.directory, "mnt"));
  return { id, diffIDs: layers.map(({ diffID }) => diffID), rows, seconds };
}

/** The data root is where none can be made: no store takes part. */
function unpackedTree(source: string): TreeRow[] {
  using place = makeFileSystem("ext4", { size: "20G" });
  const target = join(place.directory, "tree");
  layerfs(["--root", "/proc/no-root", "unpack", source, target]);
  return dumpTree(target);
}

function show(name: string, form: string, { diffIDs, rows, seconds }: Loaded, verdicts: readonly string[]): void {
  row(name, form, String(diffIDs.length), String(rows.length), seconds.toFixed(1), ...verdicts);
}

function row(...cells: readonly string[]): void {
  const widths = [8, 14, 6, 6, 6, 4, 7, 7];
  process.stdout.write(
    `${cells
      .map((cell, index) => cell.padEnd(widths[index] ?? 0))
      .join(" | ")
      .trimEnd()}\n`,
  );
}
