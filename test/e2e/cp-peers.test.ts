import { execFileSync, spawnSync } from "node:child_process";
import {
  chmodSync,
  chownSync,
  linkSync,
  mkdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { openEngine } from "../../src/index.ts";
import { collect } from "../support/apply.ts";
import { runCommand } from "../support/command-line.ts";
import { type DockerDaemon, startDockerDaemon } from "../support/docker-daemon.ts";
import { dockerd } from "../support/dockerd.ts";
import { compareTrees, dumpTree, type TreeRow } from "../support/dump-tree.ts";
import { overlay } from "../support/filesystems.ts";
import { requires } from "../support/requires.ts";
import { scratchDirectory } from "../support/scratch.ts";
import { layerTar } from "../support/tar-builder.ts";

const OLD = new Date("2001-02-03T04:05:06Z");

const ROOTFS = layerTar([
  { name: "dir/", type: "directory" },
  { name: "dir/f", data: "f2", uid: 1000, gid: 1000 },
  { name: "dir/sub/", type: "directory" },
  { name: "dir/sub/s", data: "s" },
  { name: "etc/", type: "directory" },
  { name: "etc/passwd", data: "passwd" },
  { name: "fifo", type: "fifo" },
  { name: "file", data: "one", mode: 0o4755 },
  { name: "hard", type: "hardlink", link: "file", mode: 0o4755 },
  ...Object.entries({
    absdir: "/dir",
    reldir: "dir",
    relfile: "file",
    up: "../../../etc",
    dangling: "nothing",
    dangdir: "/dir/new",
  }).map(([name, link]) => ({ name, type: "symlink" as const, link })),
]);

/** Copies into the container one after the other; `SRC` is a directory of this machine. */
const INTO: readonly (readonly string[])[] = [
  ["SRC/x", "con:/x1"],
  ["-a", "SRC/x", "con:/x2"],
  ["SRC/d", "con:/d1"],
  ["SRC/d/.", "con:/d2"],
  ["SRC/d/", "con:/d3"],
  ["SRC/d", "con:/dir"],
  ["SRC/d/.", "con:/dir"],
  ["SRC/x", "con:/nope/"],
  ["SRC/x", "con:/nope/x"],
  ["SRC/d", "con:/nope/x"],
  ["SRC/x", "con:/file"],
  ["SRC/d", "con:/file"],
  ["SRC/x", "con:/file/"],
  ["SRC/x", "con:/file/x"],
  ["SRC/x", "con:/dir/"],
  ["SRC/l", "con:/l1"],
  ["-L", "SRC/l", "con:/l2"],
  ["-L", "SRC/l", "con:/dir/"],
  ["SRC/dl", "con:/dl"],
  ["-L", "SRC/dl", "con:/dl2"],
  ["SRC/y", "con:/relfile"],
  ["SRC/x", "con:/dangling"],
  ["SRC/d", "con:/dangling"],
  ["SRC/x", "con:/absdir"],
  ["SRC/d", "con:/reldir"],
  ["SRC/x", "con:/up/xx"],
  ["SRC/x", "con:/dangdir"],
  ["SRC/x", "con:fifo"],
  ["SRC/x", "con:/../../yy"],
  ["SRC/x", "con:../zz"],
  ["SRC/x", "con:dir/.."],
  ["SRC/nope", "con:/"],
  ["SRC/x/", "con:/"],
  ["SRC/x/.", "con:/"],
  ["SRC/.", "con:/all"],
  ["SRC/over/.", "con:/"],
  ["SRC/over/dir", "con:/"],
  ["SRC/under/file", "con:/"],
  ["SRC/x", "nosuch:/x"],
];

/** Copies out of it, each into a new `OUT`, which is a directory of this machine. */
const OUT: readonly (readonly string[])[] = [
  ["con:/file", "OUT/n"],
  ["con:/file", "OUT/d"],
  ["con:/file", "OUT/x"],
  ["con:/file", "OUT/n/"],
  ["con:/file", "OUT/n/m"],
  ["con:/file", "OUT/x/"],
  ["con:/file", "OUT/lx"],
  ["con:/file", "OUT/ld"],
  ["con:/file", "OUT/dang"],
  ["con:/file", "OUT/device"],
  ["con:/dir", "OUT/n"],
  ["con:/dir", "OUT/d"],
  ["con:/dir", "OUT/x"],
  ["con:/dir", "OUT/n/"],
  ["con:/dir", "OUT/n/m"],
  ["con:/dir", "OUT/dang"],
  ["con:/dir/", "OUT/d"],
  ["con:/dir/.", "OUT/n"],
  ["con:/dir/.", "OUT/d"],
  ["con:/absdir", "OUT/n"],
  ["-L", "con:/absdir", "OUT/n"],
  ["-L", "con:/absdir", "OUT/d"],
  ["con:/absdir/", "OUT/n"],
  ["con:/relfile", "OUT/d"],
  ["-L", "con:/relfile", "OUT/d"],
  ["-L", "con:/relfile", "OUT/n"],
  ["con:/dangling", "OUT/n"],
  ["-L", "con:/dangling", "OUT/n"],
  ["-L", "con:/up", "OUT/n"],
  ["con:/up/passwd", "OUT/n"],
  ["con:/fifo", "OUT/n"],
  ["con:/nope", "OUT/n"],
  ["con:/file/", "OUT/n"],
  ["con:/file/x", "OUT/n"],
  ["con:/../../etc/passwd", "OUT/n"],
  ["con:etc/passwd", "OUT/n"],
  ["con:/dir/sub/..", "OUT/n"],
  ["con:/hard", "OUT/d"],
  ["nosuch:/x", "OUT/n"],
];

/** Words of Docker that must be among ours. */
const WORDS = [
  "No such container: nosuch",
  "cannot copy directory",
  "no such directory",
  "Could not find the file",
  "cannot overwrite",
  "extraction point is not a directory",
  "must be a directory or a regular file: got a device",
];

function makeSource(): string {
  const source = scratchDirectory();
  for (const name of ["d/sub", "over", "under/file/in"]) mkdirSync(join(source, name), { recursive: true });
  for (const name of ["x", "y", "d/y", "d/sub/z", "over/dir"]) writeFileSync(join(source, name), `content of ${name}`);
  chownSync(join(source, "x"), 1234, 5678);
  chmodSync(join(source, "x"), 0o640);
  chmodSync(join(source, "d"), 0o2711);
  symlinkSync("x", join(source, "l"));
  symlinkSync("/none/there", join(source, "dl"));
  linkSync(join(source, "x"), join(source, "hx"));
  for (const name of ["d/sub/z", "d/y", "y", "x", "d/sub", "d"]) utimesSync(join(source, name), OLD, OLD);
  return source;
}

function makeOut(): string {
  const out = scratchDirectory();
  mkdirSync(join(out, "d/sub"), { recursive: true });
  writeFileSync(join(out, "x"), "x");
  for (const [name, target] of Object.entries({ ld: "d", lx: "x", dang: "none" })) symlinkSync(target, join(out, name));
  execFileSync("mknod", [join(out, "device"), "c", "1", "3"]);
  return out;
}

function treeOf(tar: Buffer): TreeRow[] {
  const tree = scratchDirectory();
  execFileSync("tar", ["-xp", "--numeric-owner", "-C", tree], { input: tar });
  return dumpTree(tree);
}

/** dockerd keeps whole seconds; what neither copied has the time of the test. */
function comparable(rows: readonly TreeRow[], started: bigint): TreeRow[] {
  const second = 1_000_000_000n;
  return rows.map((row) => ({
    ...row,
    mtime: row.mtime === null || row.mtime >= started || row.path === "" ? null : (row.mtime / second) * second,
  }));
}

interface Ending {
  readonly status: number | null;
  readonly stderr: string;
}

/** The same success, and all of Docker's words that it used. */
function expectSame(row: readonly string[], ours: Ending, theirs: Ending): void {
  const words = WORDS.filter((said) => theirs.stderr.includes(said));
  const answer = { row, ok: ours.status === 0, words: words.filter((said) => ours.stderr.includes(said)) };
  expect(answer).toEqual({ row, ok: theirs.status === 0, words });
}

describe.each(["vfs", "overlay2"] as const)("beside docker cp, with %s", (driver) => {
  requires(overlay(), dockerd());

  it("copies, refuses and says the same, in both directions and through tars", { timeout: 600_000 }, async () => {
    const started = BigInt(Date.now() - 5000) * 1_000_000n;
    const place = scratchDirectory();
    const input = join(place, "rootfs.tar");
    writeFileSync(input, ROOTFS);
    const root = join(place, "root");
    await using engine = await openEngine({ root, driver });
    await engine.import({ file: input }, { reference: "rt" });
    await engine.createContainer("rt", { name: "con", command: ["sh"] });
    const layerfs = (...words: string[]) =>
      runCommand(["cp", ...words], { openEngine: () => openEngine({ root, driver }) });
    const daemon = await startDockerDaemon(scratchDirectory(), driver);
    try {
      daemon.docker("import", input, "rt");
      daemon.docker("create", "--name", "con", "rt", "sh");
      const source = makeSource();
      for (const row of INTO) {
        const words = row.map((word) => word.replace("SRC", source));
        const theirs = daemon.docker("cp", ...words);
        const ours = await layerfs(...words);
        expectSame(row, ours, theirs);
      }
      const [theirs, ours] = [exportOf(daemon, place), await collect(engine.export("con"))];
      const rows = comparable(treeOf(theirs), started);
      expect(rows.length).toBeGreaterThan(50);
      expect(compareTrees(rows, comparable(treeOf(ours), started))).toEqual([]);
      expect(namesIn(ours)).toEqual(namesIn(theirs));
      for (const row of OUT) {
        const [there, here] = [makeOut(), makeOut()];
        const theirs = daemon.docker("cp", ...row.map((word) => word.replace("OUT", there)));
        expectSame(row, await layerfs(...row.map((word) => word.replace("OUT", here))), theirs);
        const expected = comparable(dumpTree(there), started);
        expect([row, compareTrees(expected, comparable(dumpTree(here), started))]).toEqual([row, []]);
        for (const directory of [there, here]) rmSync(directory, { recursive: true });
      }
    } finally {
      await daemon.stop();
    }
  });
});

function exportOf(daemon: DockerDaemon, place: string): Buffer {
  const file = join(place, "exported.tar");
  expect(daemon.docker("export", "-o", file, "con").stderr).toBe("");
  return readFileSync(file);
}

function namesIn(tar: Buffer): string[] {
  return spawnSync("tar", ["-t"], { input: tar, encoding: "utf8" }).stdout.split("\n");
}
