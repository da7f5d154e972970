import { createHash } from "node:crypto";
import { chmodSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { setImmediate, setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Engine, type EngineOptions, isLayerfsError, openEngine, openImage } from "../../src/index.ts";
import { type Dockerd, dockerd, exportedTree, startDockerd } from "../support/dockerd.ts";
import { compareTrees, dumpTree, type TreeRow } from "../support/dump-tree.ts";
import { makeFileSystem, overlay, type TestFileSystem } from "../support/filesystems.ts";
import { differences, fingerprint } from "../support/fingerprint.ts";
import { dockerArchive } from "../support/image-builder.ts";
import { startProcess } from "../support/layerfs-process.ts";
import { readingCommands, storeCommands } from "../support/reading-commands.ts";
import { program, requires } from "../support/requires.ts";
import { sampleImages } from "../support/sample-images.ts";
import { scratchDirectory } from "../support/scratch.ts";
import { checkout } from "../support/tree.ts";

/** User and group `nobody`. */
const NOBODY = "65534";
/** Who reads: root, and somebody who may do nothing but read every file. */
const READERS: Readonly<Record<string, readonly string[]>> = {
  root: ["env"],
  "a user who may only read": [
    ...["setpriv", "--reuid", NOBODY, "--regid", NOBODY, "--clear-groups", "--no-new-privs"],
    ...[
      "--inh-caps=-all,+dac_read_search",
      "--ambient-caps=-all,+dac_read_search",
      "--bounding-set=-all,+dac_read_search",
    ],
    "env",
  ],
};
const AT_ONCE = 3;
const LOADS = Number(process.env.LAYERFS_LOADS ?? 6);
const [a, b, c, d] = sampleImages(2);

describe.each([
  ["overlay2", Object.keys(READERS)],
  ["vfs", ["a user who may only read"]],
] as const)("a data root that a dockerd runs on, with %s", (driver, readers) => {
  const missing = requires(overlay(), dockerd(), program("setpriv"));
  let place: TestFileSystem;
  let daemon: Dockerd;
  let root: string;
  beforeAll(async () => {
    if (missing !== null) return;
    place = makeFileSystem("tmpfs");
    for (const directory of [place.directory, dirname(place.directory)]) chmodSync(directory, 0o755);
    root = join(place.directory, "root");
    const file = join(place.directory, "images.tar");
    writeFileSync(file, dockerArchive([a!.image, b!.image]));
    // dockerd's overlay2 refuses hard links to files of a lower layer.
    await withEngine((engine) => engine.load({ file }), { root, driver });
    daemon = await startDockerd(root, driver);
    daemon.docker("create", "--name", "changed", "a:1", "sh");
    daemon.docker("cp", join(checkout, "LICENSE"), "changed:/usr/added");
    daemon.docker("commit", "changed", "committed:1");
  });
  afterAll(async () => {
    await daemon?.[Symbol.asyncDispose]();
    place?.[Symbol.dispose]();
  });

  it.each(readers)("is left as it is by every command that reads it, for %s", { timeout: 120_000 }, async (reader) => {
    const [before, locks] = [fingerprint(root), locksIn(root)];
    await sleep(1000);
    // What dockerd itself changes while it does nothing would be seen here.
    expect(differences(before, fingerprint(root))).toEqual([]);
    const source = (name: string): string => `docker-root:${root}:${name}`;
    const looking = (output: string): string[][] => [
      ...readingCommands(
        { image: source("committed:1"), other: source("b:1"), file: "/usr/added", directory: "/usr/1" },
        output,
      ),
      ...storeCommands("committed:1", output).map((words) => ["--root", root, ...words]),
    ];
    await runAll(looking, READERS[reader]!);
    expect(differences(before, fingerprint(root))).toEqual([]);
    expect(locksIn(root)).toEqual(locks);
  });

  it("is held by no lock while an image of it is open", async () => {
    const before = locksIn(root);
    await using image = await openImage(`docker-root:${root}:committed:1`);
    const view = await image.view();
    const stream = view.createReadStream("/usr/added");
    await stream.iterator().next();
    expect(locksIn(root)).toEqual(before);
    stream.destroy();
  });

  it("shows each image as docker export does", async () => {
    for (const name of ["a:1", "b:1", "committed:1"]) {
      const container = daemon.docker("create", name, "sh");
      const expected = rowsOf(exportedTree(daemon, container));
      expect(compareTrees(expected, rowsOf(await exported(`docker-root:${root}:${name}`)))).toEqual([]);
      daemon.docker("rm", container);
    }
  });

  it("serves dockerd afterwards as before", () => {
    expect(daemon.docker("images", "-q").split("\n")).toHaveLength(3);
    const container = daemon.docker("create", "committed:1", "sh");
    daemon.docker("cp", join(checkout, "LICENSE"), `${container}:/opt/added`);
    expect(daemon.docker("diff", container)).toBe("C /opt\nA /opt/added");
    expect(daemon.docker("rm", container)).toBe(container);
  });

  it("gives right answers or says what is missing while dockerd loads, tags and removes", {
    timeout: 120_000,
  }, async () => {
    const archives = [c!, d!].map(({ name, image }) => {
      const file = join(place.directory, `${name.slice(0, 1)}.tar`);
      writeFileSync(file, dockerArchive([{ ...image, tags: ["moving:1"] }]));
      return file;
    });
    const right = new Set(await Promise.all(archives.map((file) => digestOfExport(`docker-archive:${file}`))));
    let isOver = false;
    const change = async (): Promise<void> => {
      for (let turn = 0; turn < LOADS; turn++) {
        await daemon.dockerBeside("load", "-q", "-i", archives[turn % 2]!);
        if (turn % 3 !== 1) continue;
        await daemon.dockerBeside("rmi", "moving:1");
        await daemon.dockerBeside("image", "prune", "-f");
      }
    };
    const changing = change().finally(() => {
      isOver = true;
    });
    const outcomes: string[] = [];
    const reading = async (): Promise<void> => {
      while (!isOver) {
        outcomes.push(await outcome(`docker-root:${root}:moving:1`, right));
        // An image that is not there is told so without any waiting.
        await setImmediate();
      }
    };
    await Promise.all([changing, reading(), reading()]);
    const counts = Map.groupBy(outcomes, (text) => text);
    expect([...counts.keys()].filter((text) => text !== "right" && !text.startsWith("NOT_FOUND"))).toEqual([]);
    expect(counts.get("right")?.length).toBeGreaterThan(0);
  });
});

/** Runs the commands, a few at the same time, as the reader; each one must succeed, and leave nothing in TMPDIR. */
async function runAll(commands: (output: string) => string[][], reader: readonly string[]): Promise<void> {
  const [temporary, home, output] = [openDirectory(), openDirectory(), openDirectory()];
  const todo = commands(output);
  const [program = "", ...words] = [
    ...reader,
    ...[`TMPDIR=${temporary}`, `HOME=${home}`, `XDG_CACHE_HOME=${join(home, "cache")}`],
    join(checkout, "bin/layerfs"),
  ];
  const work = async (): Promise<void> => {
    for (let command = todo.shift(); command !== undefined; command = todo.shift()) {
      const { status, stdout, stderr } = await startProcess(program, [...words, ...command], {}).ended;
      expect({ command, status, stderr }).toEqual({ command, status: 0, stderr: "" });
      if (command.includes("check")) expect(stdout).toContain(": 0 damaged, 0 unreferenced\n");
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, work));
  expect(readdirSync(temporary)).toEqual([]);
}

/** One that everybody may write to. */
function openDirectory(): string {
  const directory = scratchDirectory();
  chmodSync(directory, 0o777);
  return directory;
}

/** What /proc/locks tells of the files of the file system that a directory is on. */
function locksIn(directory: string): string[] {
  const { dev } = statSync(directory, { bigint: true });
  const device = [dev >> 8n, dev & 0xffn].map((part) => part.toString(16).padStart(2, "0")).join(":");
  return readFileSync("/proc/locks", "utf8")
    .split("\n")
    .filter((line) => line.includes(` ${device}:`))
    .map((line) => line.replace(/^\d+: /, ""));
}

async function exported(source: string): Promise<string> {
  const [file, tree] = [join(scratchDirectory(), "exported.tar"), scratchDirectory()];
  await withEngine((engine) => engine.exportToFile(source, file));
  const { status, stderr } = await startProcess("tar", ["-xpf", file, "-C", tree, "--numeric-owner"], {}).ended;
  expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
  return tree;
}

async function withEngine<T>(
  use: (engine: Engine) => Promise<T>,
  options: EngineOptions = { root: "/proc/no-root" },
): Promise<T> {
  await using engine = await openEngine({ ...options, cacheDirectory: null });
  return await use(engine);
}

async function digestOfExport(source: string): Promise<string> {
  const hash = createHash("sha256");
  await withEngine(async (engine) => {
    for await (const bytes of engine.export(source)) hash.update(bytes);
  });
  return hash.digest("hex");
}

async function outcome(source: string, right: ReadonlySet<string>): Promise<string> {
  try {
    return right.has(await digestOfExport(source)) ? "right" : "a mixture";
  } catch (error) {
    if (isLayerfsError(error)) return `${error.code}: ${error.message}`;
    throw error;
  }
}

/** What Docker puts into each container, and directories whose times that changes. */
const INIT_LAYER = /^(\.dockerenv|proc|sys|dev(\/.*)?|etc|etc\/(hostname|hosts|resolv\.conf|mtab))?$/;

/** dockerd writes no parts of seconds, and does not keep the time of each directory. */
function rowsOf(tree: string): TreeRow[] {
  return dumpTree(tree)
    .filter(({ path }) => !INIT_LAYER.test(path))
    .map((row) => ({
      ...row,
      mtime: row.type === "directory" || row.mtime === null ? null : row.mtime / 1_000_000_000n,
    }));
}
