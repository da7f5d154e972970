import { execFileSync } from "node:child_process";
import { chmodSync, linkSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, utimesSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { dirname, join } from "node:path";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { applyToTree, collect, readTar } from "../../test/support/apply.ts";
import { openFiles } from "../../test/support/open-files.ts";
import { requires, root } from "../../test/support/requires.ts";
import { scratchDirectory } from "../../test/support/scratch.ts";
import { lines, snapshot } from "../../test/support/snapshot.ts";
import { describeLayers, type Layers, validLayers } from "../../test/union/random-layers.ts";
import { writeToTree } from "../../test/union/targets.ts";
import { copyTree } from "../sys/copy-tree.ts";
import { diffTar, directoryTar } from "./diff-tar.ts";

describe("directoryTar", () => {
  it("holds the whole tree with the root's own attributes, the same bytes for the same tree", async () => {
    const make = (mode: number): string => {
      const directory = scratchDirectory();
      mkdirSync(join(directory, "d"));
      writeFileSync(join(directory, "d/f"), "x");
      linkSync(join(directory, "d/f"), join(directory, "link"));
      chmodSync(directory, mode);
      for (const path of ["d/f", "d", ""]) utimesSync(join(directory, path), 1_600_000_000, 1_600_000_000);
      return directory;
    };
    const tar = await collect(directoryTar(make(0o700)));
    expect(readTar(tar).map(({ entry }) => `${entry.kind} ${entry.mode.toString(8)} ${entry.name}`)).toEqual([
      "directory 700 ./",
      "directory 755 d/",
      "file 644 d/f",
      "hardlink 644 link",
    ]);
    expect(await collect(directoryTar(make(0o700)))).toEqual(tar);
    expect(await collect(directoryTar(make(0o711)))).not.toEqual(tar);
  });
});

/** Two equal directories, of which the second is then changed. */
function twoTrees(fill: (directory: string) => void, change: (directory: string) => void): [string, string] {
  const scratch = scratchDirectory();
  const [before, after] = [join(scratch, "before"), join(scratch, "after")];
  mkdirSync(before);
  mkdirSync(after);
  fill(before);
  copyTree(before, after);
  change(after);
  return [before, after];
}

async function entries(before: string, after: string): Promise<string[]> {
  return readTar(await collect(diffTar(before, after))).map(({ entry, content }) =>
    [entry.kind, entry.name, ...(entry.linkname.length > 0 ? [`-> ${entry.linkname}`] : []), content].join(" ").trim(),
  );
}

const nothing = (): void => {};

describe("diffTar", () => {
  requires(root());

  it("is an empty archive for equal trees", async () => {
    const [before, after] = twoTrees((directory) => writeFileSync(join(directory, "f"), "x"), nothing);
    expect(await collect(diffTar(before, after))).toEqual(Buffer.alloc(1024));
  });

  it("holds new files in the order of their names, with the directories above them", async () => {
    const [before, after] = twoTrees(
      (directory) => mkdirSync(join(directory, "d/e"), { recursive: true }),
      (directory) => {
        for (const name of ["d/e/2", "d/e/10", "d-", "a"]) writeFileSync(join(directory, name), name);
      },
    );
    expect(await entries(before, after)).toEqual([
      "file a a",
      "directory d/",
      "directory d/e/",
      "file d/e/10 d/e/10",
      "file d/e/2 d/e/2",
      "file d- d-",
    ]);
  });

  it("says a removed tree by one whiteout of size 0, mode 0 and time 0", async () => {
    const [before, after] = twoTrees(
      (directory) => mkdirSync(join(directory, "d/e/f"), { recursive: true }),
      (directory) => rmSync(join(directory, "d/e"), { recursive: true }),
    );
    const found = readTar(await collect(diffTar(before, after)));
    expect(found.map(({ entry }) => entry.name.toString())).toEqual(["d/", "d/.wh.e"]);
    expect(found[1]?.entry).toMatchObject({ kind: "file", mode: 0, size: 0, mtime: { seconds: 0, nanoseconds: 0 } });
  });

  it("needs no whiteout where a directory becomes a file or a file a directory", async () => {
    const [before, after] = twoTrees(
      (directory) => {
        mkdirSync(join(directory, "d/e"), { recursive: true });
        writeFileSync(join(directory, "f"), "");
      },
      (directory) => {
        rmSync(join(directory, "d"), { recursive: true });
        rmSync(join(directory, "f"));
        writeFileSync(join(directory, "d"), "now");
        mkdirSync(join(directory, "f"));
        writeFileSync(join(directory, "f/in"), "it");
      },
    );
    expect(await entries(before, after)).toEqual(["file d now", "directory f/", "file f/in it"]);
  });

  it("keeps the names of an inode linked, unchanged ones too, the data under the first", async () => {
    const [before, after] = twoTrees(
      (directory) => writeFileSync(join(directory, "m"), "data"),
      (directory) => {
        linkSync(join(directory, "m"), join(directory, "a"));
        linkSync(join(directory, "m"), join(directory, "z"));
      },
    );
    expect(await entries(before, after)).toEqual(["file a data", "hardlink m -> a", "hardlink z -> a"]);
  });

  it("leaves sockets out and says a file that became one as removed", async () => {
    const [before, after] = twoTrees((directory) => writeFileSync(join(directory, "s"), ""), nothing);
    rmSync(join(after, "s"));
    const server = createServer().listen(join(after, "s"));
    await new Promise((resolve) => server.once("listening", resolve));
    const found = await entries(before, after);
    await new Promise((resolve) => server.close(resolve));
    expect(found).toEqual(["file .wh.s"]);
  });

  it("has an entry for the root only where more than its time changed", async () => {
    const [before, after] = twoTrees(nothing, (directory) => utimesSync(directory, 5, 5));
    expect(await entries(before, after)).toEqual([]);
    chmodSync(after, 0o700);
    expect(await entries(before, after)).toEqual(["directory ./"]);
  });

  it("refuses a new file whose name would be a whiteout, and names it", async () => {
    const [before, after] = twoTrees(nothing, (directory) => writeFileSync(join(directory, ".wh.x"), ""));
    await expect(collect(diffTar(before, after))).rejects.toMatchObject({
      code: "INVALID_LAYER",
      message: expect.stringContaining("/.wh.x"),
    });
  });

  it("refuses a change below a directory whose name would be a whiteout", async () => {
    const [before, after] = twoTrees(
      (directory) => mkdirSync(join(directory, ".wh.d")),
      (directory) => writeFileSync(join(directory, ".wh.d/x"), ""),
    );
    await expect(collect(diffTar(before, after))).rejects.toMatchObject({ code: "INVALID_LAYER" });
  });

  it("refuses the removal of a name that a whiteout cannot say", async () => {
    const [before, after] = twoTrees(
      (directory) => writeFileSync(join(directory, ".wh.x"), ""),
      (directory) => rmSync(join(directory, ".wh.x")),
    );
    await expect(collect(diffTar(before, after))).rejects.toMatchObject({ code: "INVALID_LAYER" });
  });

  it("passes over an unchanged file whose name would be a whiteout", async () => {
    const [before, after] = twoTrees((directory) => writeFileSync(join(directory, ".wh.x"), ""), nothing);
    expect(await entries(before, after)).toEqual([]);
  });

  it("refuses overlayfs's own whiteout device", async () => {
    const [before, after] = twoTrees(nothing, (directory) => {
      execFileSync("mknod", [join(directory, "w"), "c", "0", "0"]);
    });
    await expect(collect(diffTar(before, after))).rejects.toMatchObject({ code: "INVALID_LAYER" });
  });

  it("reads sparse files and files larger than its pieces whole", async () => {
    const [before, after] = twoTrees(nothing, (directory) => {
      writeFileSync(join(directory, "big"), Buffer.alloc(700_001, "0123456789"));
      execFileSync("truncate", ["-s", "300000", join(directory, "hole")]);
    });
    const [big, hole] = readTar(await collect(diffTar(before, after)));
    expect(big?.content).toBe("0123456789".repeat(70_001).slice(0, 700_001));
    expect(hole?.content).toBe("\0".repeat(300_000));
  });

  it("closes what it has open when its reader stops early", async () => {
    const [before, after] = twoTrees(nothing, (directory) => {
      writeFileSync(join(directory, "big"), Buffer.alloc(1 << 20));
      symlinkSync("big", join(directory, "l"));
    });
    // Only those of the trees: other descriptors of this process come and go meanwhile.
    const open = (): string[] => openFiles().filter((target) => target.startsWith(dirname(before)));
    const whileReading: string[] = [];
    for await (const _ of diffTar(before, after)) {
      whileReading.push(...open());
      break;
    }
    expect(whileReading).not.toEqual([]);
    expect(open()).toEqual([]);
  });

  it("gives a layer that turns any tree into any other", async () => {
    const scratch = scratchDirectory();
    await fc.assert(
      fc.asyncProperty(trees, fc.nat(3), async (layers, split) => {
        const directory = mkdtempSync(join(scratch, "case-"));
        const [before, after] = [join(directory, "before"), join(directory, "after")];
        mkdirSync(before);
        for (const [index, layer] of layers.entries()) if (index < split) writeToTree(before, layer, index);
        mkdirSync(after);
        copyTree(before, after);
        for (const [index, layer] of layers.entries()) if (index >= split) writeToTree(after, layer, index);
        const tar = await collect(diffTar(before, after));
        expect(await collect(diffTar(before, after))).toEqual(tar);
        await applyToTree(before, tar);
        expect(withoutDirectoryTimes(before)).toEqual(withoutDirectoryTimes(after));
        rmSync(directory, { recursive: true });
      }),
      { numRuns: 100 },
    );
  });

  it("gives a layer that makes any tree out of nothing, times of directories included", async () => {
    const scratch = scratchDirectory();
    await fc.assert(
      fc.asyncProperty(trees, async (layers) => {
        const directory = mkdtempSync(join(scratch, "case-"));
        const [empty, tree] = [join(directory, "empty"), join(directory, "tree")];
        mkdirSync(empty);
        mkdirSync(tree);
        for (const [index, layer] of layers.entries()) writeToTree(tree, layer, index);
        await applyToTree(empty, await collect(diffTar(empty, tree)));
        expect(lines(snapshot(empty).slice(1))).toEqual(lines(snapshot(tree).slice(1)));
        rmSync(directory, { recursive: true });
      }),
      { numRuns: 100 },
    );
  });
});

/** Each node has a time of its own, since equal sizes and times mean equal contents; only attributes that layers keep. */
const trees: fc.Arbitrary<Layers> = validLayers.map((layers) => {
  const distinct = layers.map((entries, layer) =>
    entries.map((entry, index) => ({
      ...entry,
      mtime: { seconds: entry.mtime.seconds + 50 * layer + index, nanoseconds: 7 + 50 * layer + index },
      xattrs: new Map([...entry.xattrs].filter(([key]) => key === "user.note")),
    })),
  );
  return Object.assign(distinct, { [fc.toStringMethod]: () => `\n${describeLayers(distinct)}` });
});

function withoutDirectoryTimes(directory: string): string[] {
  return lines(snapshot(directory).map((node) => (node.kind === "directory" ? { ...node, mtime: "" } : node)));
}
