import { createHash } from "node:crypto";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { diffTar } from "../../src/layer/diff-tar.ts";
import { changesTar } from "../../src/layer/layer-changes.ts";
import { tryMount, tryUnmount } from "../../src/sys/mount.ts";
import { applyToOverlay, applyToTree, collect, readTar } from "../support/apply.ts";
import { makeFileSystem, overlay, type TestFileSystem } from "../support/filesystems.ts";
import { requires, root } from "../support/requires.ts";
import { lines, type NodeImage, snapshot } from "../support/snapshot.ts";
import { treeInMemory } from "../union/memory.ts";
import { throughOverlay } from "../union/targets.ts";
import { fixtureNames, fixturePath, needsFixtures } from "./fixtures.ts";

/*
 * Layers captured from containerd's own tests of its archive package, with the tree that it makes of them. Compared are
 * kind, mode, owner, content and target of each path, and which paths are one inode; sizes and link counts of
 * directories are left out, for they belong to the file system.
 */

/** Recorded lines that are not expected here, by case. */
const DIFFERENCES: ReadonlyMap<string, readonly string[]> = new Map([
  // containerd makes the directories above a whiteout that has nothing to hide; here such a whiteout does nothing, as
  // on Docker's vfs, so that every driver shows the same.
  ["WhiteoutDeadSymlinkParent", ["d 755 0:0 ./dne -> "]],
]);

needsFixtures();
const missing = requires(root(), overlay());

/** Rows of group and name. */
function casesOf(...groups: readonly string[]): [string, string][] {
  return groups.flatMap((group) => fixtureNames("cases", group).map((name): [string, string] => [group, name]));
}

function read(group: string, name: string, file: string): Buffer {
  return readFileSync(fixturePath(`cases/${group}/${name}/${file}`));
}

/** What every way to apply layers is given, and must leave alone but for `target`. */
interface Place {
  readonly target: string;
  readonly scratch: string;
}

type Way = (layers: readonly Buffer[], place: Place) => Promise<NodeImage[]>;

const WAYS: readonly (readonly [string, Way])[] = [
  [
    "a full tree",
    async (layers, { target }) => {
      for (const [index, tar] of layers.entries()) await applyToTree(target, tar, index === 0);
      return snapshot(target);
    },
  ],
  [
    "overlay directories, seen through the kernel",
    async (layers, { target, scratch }) => {
      let lowers: string[] = [];
      for (const [index, tar] of layers.entries()) {
        const directory = index === layers.length - 1 ? target : join(scratch, `lower-${index}`);
        if (directory !== target) mkdirSync(directory);
        const { cutsLowers } = await applyToOverlay(directory, tar, lowers);
        lowers = cutsLowers ? [directory] : [directory, ...lowers];
      }
      return throughOverlay(lowers, scratch, snapshot);
    },
  ],
  ["the merged tree in memory", async (layers) => treeInMemory(layers.map(readTar))],
];

describe.each(WAYS)("containerd's cases in %s", (_, apply) => {
  let disk: TestFileSystem;
  beforeAll(() => {
    if (missing === null) disk = makeFileSystem("tmpfs");
  });
  afterAll(() => disk?.[Symbol.dispose]());

  /** Beside the target lies what the symlinks and `..` of the cases aim at. */
  const inPlace = async (act: (place: Place) => Promise<void>): Promise<void> => {
    const scratch = mkdtempSync(join(disk.directory, "case-"));
    const outside = join(scratch, "outside");
    for (const directory of ["etc", "localetc", "dne", "root/target"]) {
      mkdirSync(join(outside, directory), { recursive: true });
    }
    writeFileSync(join(outside, "etc/passwd"), "canary");
    writeFileSync(join(outside, "root/whitedout"), "canary");
    const canary = (): string[] => lines(snapshot(outside).filter(({ path }) => !path.startsWith("root/target")));
    const before = canary();
    await act({ target: join(outside, "root/target"), scratch });
    expect(canary()).toEqual(before);
    rmSync(scratch, { recursive: true });
  };

  it.each(casesOf("TestApplyTar", "TestBreakouts"))(
    "%s/%s ends as recorded, and leaves what lies outside alone",
    async (group, name) => {
      await inPlace(async (place) => {
        const layers = ["base.tar", "layer.tar"].map((file) => read(group, name, file));
        if (existsSync(fixturePath(`cases/${group}/${name}/refused.txt`))) {
          await expect(apply(layers, place)).rejects.toMatchObject({ code: "INVALID_LAYER" });
          return;
        }
        const expected = read(group, name, "after.txt")
          .toString()
          .replace(/\n$/, "")
          .split("\n")
          .map(withoutDirectorySize);
        const differences = DIFFERENCES.get(name) ?? [];
        expect(expected).toEqual(expect.arrayContaining([...differences]));
        const found = await apply(layers, place);
        expect(found.map(asRecorded).sort()).toEqual(expected.filter((line) => !differences.includes(line)).sort());
        const contents = read(group, name, "after.sha256").toString().match(/.+/g) ?? [];
        expect(found.filter(({ kind }) => kind === "file").map(asHashed)).toEqual(contents);
      });
    },
  );
});

describe("containerd's cases of diffTar", () => {
  let disk: TestFileSystem;
  beforeAll(() => {
    if (missing === null) disk = makeFileSystem("tmpfs");
  });
  afterAll(() => disk?.[Symbol.dispose]());

  const trees = async (group: string, name: string, files: readonly string[]): Promise<string[]> => {
    const scratch = mkdtempSync(join(disk.directory, "diff-"));
    return Promise.all(
      files.map(async (file) => {
        const directory = mkdtempSync(join(scratch, "tree-"));
        await applyToTree(directory, read(group, name, file));
        return directory;
      }),
    );
  };
  const cases = casesOf("TestApplyTar", "TestDiffTar");

  it.each(cases)("%s/%s has the paths that are recorded", async (group, name) => {
    const [before, after] = (await trees(group, name, ["a.tar", "b.tar"])) as [string, string];
    const [own, recorded] = [await collect(diffTar(before, after)), read(group, name, "diff.tar")];
    // The order differs where names are linked: here the first by name has the data, there the first that changed.
    expect(pathsOf(own)).toEqual(pathsOf(recorded));
  });

  it.each(cases)("%s/%s turns the one tree into the other, as the recorded one does", async (group, name) => {
    const files = ["a.tar", "a.tar", "a.tar", "b.tar"];
    const [before, own, recorded, after] = (await trees(group, name, files)) as [string, string, string, string];
    await applyToTree(own, await collect(diffTar(before, after)));
    await applyToTree(recorded, read(group, name, "diff.tar"));
    expect(comparable(own)).toEqual(comparable(after));
    expect(comparable(own)).toEqual(comparable(recorded));
  });

  it.each(cases)("%s/%s gives the recorded layer again of what it did to an upper directory", async (group, name) => {
    const [lower, recorded] = (await trees(group, name, ["a.tar", "a.tar"])) as [string, string];
    const [directory, work, merged, bottom] = Array.from({ length: 4 }, () =>
      mkdtempSync(join(disk.directory, "upper-")),
    );
    const layer = { form: "overlay-dir", directory: directory!, lowers: [lower, bottom!] } as const;
    const data = `lowerdir=${lower}:${bottom},upperdir=${directory},workdir=${work}`;
    expect(tryMount("overlay", merged!, "overlay", 0, data)).toBe(0);
    await applyToTree(merged!, read(group, name, "diff.tar"));
    tryUnmount(merged!, 0);
    const own = await collect(changesTar(layer));
    expect(pathsOf(own)).toEqual(pathsOf(read(group, name, "diff.tar")));
    await applyToTree(lower, own);
    await applyToTree(recorded, read(group, name, "diff.tar"));
    expect(comparable(lower)).toEqual(comparable(recorded));
  });
});

/** `type mode uid:gid links size path -> target`; of directories without the size and the count of links. */
function asRecorded({ path, kind, mode, owner, content, links }: NodeImage): string {
  const where = path === "" ? "." : `./${path}`;
  const counts = kind === "directory" ? "" : ` ${Math.max(1, links.length)} ${content.length}`;
  return `${kind === "symlink" ? "l" : kind[0]} ${mode.toString(8)} ${owner}${counts} ${where} -> ${kind === "symlink" ? content : ""}`;
}

function withoutDirectorySize(line: string): string {
  return line.replace(/^(d \S+ \S+) \S+ \S+/, "$1");
}

function asHashed({ path, content }: NodeImage): string {
  return `${createHash("sha256").update(content, "latin1").digest("hex")}  ./${path}`;
}

function pathsOf(tar: Buffer): string[] {
  return readTar(tar)
    .map(({ entry }) => entry.name.toString())
    .sort();
}

/** Without times: those of directories that are in no layer differ, and the recorded tars have whole seconds only. */
function comparable(directory: string): string[] {
  return lines(snapshot(directory).map((node) => ({ ...node, mtime: "" })));
}
