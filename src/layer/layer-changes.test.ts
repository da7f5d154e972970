import {
  chmodSync,
  closeSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { applyToTree, collect, readTar } from "../../test/support/apply.ts";
import { tarEntry } from "../../test/support/entries.ts";
import { makeFileSystem, overlay, type TestFileSystem } from "../../test/support/filesystems.ts";
import { requires, root } from "../../test/support/requires.ts";
import { lines, snapshot } from "../../test/support/snapshot.ts";
import { describeLayers, firstRefused, type Layers, validLayers } from "../../test/union/random-layers.ts";
import {
  CAPABILITY,
  carryOut,
  type Operation,
  operations,
  setAttribute,
  settleTimes,
} from "../../test/union/random-operations.ts";
import { writeToOverlay } from "../../test/union/targets.ts";
import type { Timespec } from "../core/timespec.ts";
import { openDirectory } from "../sys/at.ts";
import { copyTree } from "../sys/copy-tree.ts";
import { close } from "../sys/file.ts";
import { tryMount, tryUnmount } from "../sys/mount.ts";
import { fstat } from "../sys/stat.ts";
import { compareOverlay, IncompleteUpper } from "./compare-overlay.ts";
import { type ChangedLayer, changesTar, layerChanges } from "./layer-changes.ts";

const runs = Number(process.env.LAYERFS_PROPERTY_RUNS ?? 100);
const missing = requires(root(), overlay());
let disk: TestFileSystem;
beforeAll(() => {
  if (missing === null) disk = makeFileSystem("tmpfs");
});
afterAll(() => disk?.[Symbol.dispose]());

/** The same tree twice: `merged` is the overlay's, which is written to; `copy` a full copy, on which it can be done too. */
interface Site {
  readonly overlay: ChangedLayer & { readonly form: "overlay-dir" };
  readonly tree: ChangedLayer & { readonly form: "full-tree" };
  readonly merged: string;
}

async function onSite(layers: Layers, act: (site: Site) => void | Promise<void>, options = ""): Promise<void> {
  const directory = mkdtempSync(join(disk.directory, "site-"));
  const at = (name: string): string => {
    mkdirSync(join(directory, name));
    return join(directory, name);
  };
  const bottom = at("bottom");
  let lowers = [bottom];
  for (const [index, entries] of layers.entries()) {
    const own = at(String(index));
    lowers = writeToOverlay(own, entries, index, lowers).cutsLowers ? [own, bottom] : [own, ...lowers];
  }
  const [upper, work, merged, before, tree] = [at("upper"), at("work"), at("merged"), at("before"), at("tree")];
  const data = `lowerdir=${lowers.join(":")},upperdir=${upper},workdir=${work}${options}`;
  expect(tryMount("overlay", merged, "overlay", 0, data)).toBe(0);
  try {
    for (const copy of [before, tree]) copyTree(merged, copy);
    const copied = markTime(at("record"));
    await act({
      overlay: { form: "overlay-dir", directory: upper, lowers },
      tree: { form: "full-tree", directory: tree, before, copied },
      merged,
    });
  } finally {
    tryUnmount(merged, 0);
    rmSync(directory, { recursive: true });
  }
}

/** The time of the clock that the file system takes. */
function markTime(directory: string): Timespec {
  const fd = openDirectory(directory);
  try {
    return fstat(fd).ctime;
  } finally {
    close(fd);
  }
}

/** All of a tree but its root, of which no layer made of changes tells. */
function belowRoot(directory: string): string[] {
  return lines(snapshot(directory).slice(1));
}

interface Case {
  readonly layers: Layers;
  readonly done: readonly Operation[];
}

/** With no attributes but those that a layer keeps. */
const layersBelow: fc.Arbitrary<Layers> = validLayers.map((layers) =>
  layers.map((entries) =>
    entries.map((entry) => ({ ...entry, xattrs: new Map([...entry.xattrs].filter(([key]) => key === "user.note")) })),
  ),
);

const cases: fc.Arbitrary<Case> = fc.record({ layers: layersBelow, done: operations }).map((each) =>
  Object.assign(each, {
    [fc.toStringMethod]: () =>
      `\n${describeLayers(each.layers)}\n${each.done.map(({ verb, path, from }) => `  ${verb} ${path} (${from})`).join("\n")}`,
  }),
);

/** A lower file that is only opened for writing gets an inode of its own, without its other names, which is no change. */
const withoutOpening: fc.Arbitrary<Case> = cases.map(({ layers, done }) => ({
  layers,
  done: done.filter(({ verb }) => verb !== "open"),
}));

/**
 * Where programs get the same tree in an overlay and in a copy: overlayfs gives a name of a lower file that is written
 * to an inode of its own, and what mv copies takes a set-group-id bit of its new directory.
 */
const sameInCopies: fc.Arbitrary<Case> = cases
  .map(({ layers, done }) => ({
    layers: layers.map((entries) =>
      entries.filter(({ kind }) => kind !== "hardlink").map((entry) => ({ ...entry, mode: entry.mode & ~0o2000 })),
    ),
    done,
  }))
  .filter(({ layers }) => firstRefused(layers) === null);

describe("what was done to a container's tree", () => {
  const doTo = (directory: string, { done }: Case): void => {
    const start = Math.floor(Date.now() / 1000) - 1;
    carryOut(directory, done);
    settleTimes(directory, start);
  };
  const holds = (arbitrary: fc.Arbitrary<Case>, check: (site: Site, each: Case) => Promise<void>) =>
    fc.assert(
      fc.asyncProperty(arbitrary, (each) => onSite(each.layers, (site) => check(site, each))),
      { numRuns: runs },
    );

  it("is told by the upper directory as by the merged trees", async () => {
    await holds(cases, async ({ overlay, tree, merged }, each) => {
      doTo(merged, each);
      expect(await layerChanges(overlay)).toEqual(await layerChanges({ ...tree, directory: merged }));
    });
  });

  it("is the same layer, byte for byte, in an upper directory and in a full copy", async () => {
    await holds(sameInCopies, async ({ overlay, tree, merged }, each) => {
      doTo(merged, each);
      doTo(tree.directory, each);
      expect(belowRoot(tree.directory)).toEqual(belowRoot(merged));
      const [ofUpper, ofTree] = [await collect(changesTar(overlay)), await collect(changesTar(tree))];
      expect(names(ofUpper)).toEqual(names(ofTree));
      expect(ofUpper.equals(ofTree)).toBe(true);
    });
  });

  it("is a layer that makes the tree of the one below, to the nanosecond", async () => {
    await holds(withoutOpening, async ({ overlay, tree, merged }, each) => {
      doTo(merged, each);
      await applyToTree(tree.before, await collect(changesTar(overlay)));
      expect(belowRoot(tree.before)).toEqual(belowRoot(merged));
    });
  });
});

describe("layerChanges", () => {
  const fileAt = (name: string): Layers => [[tarEntry({ kind: "directory", name: "d/" }), tarEntry({ name, size: 3 })]];
  const told = async (layer: ChangedLayer): Promise<string[]> =>
    (await layerChanges(layer)).map(({ kind, path }) => `${kind} ${path}`);

  it("does not tell of a file that was opened for writing and not written", async () => {
    await onSite(fileAt("d/f"), async ({ overlay, merged }) => {
      closeSync(openSync(join(merged, "d/f"), "r+"));
      expect(readdirSync(join(overlay.directory, "d"))).toEqual(["f"]);
      expect(await told(overlay)).toEqual([]);
    });
  });

  it("tells of a file's capabilities and not of its other attributes, which are in the layer all the same", async () => {
    await onSite(fileAt("d/f"), async ({ overlay, merged }) => {
      setAttribute(join(merged, "d/f"), "user.note", Buffer.from("n"));
      expect(await told(overlay)).toEqual([]);
      expect(names(await collect(changesTar(overlay)))).toEqual(["directory d/", "file d/f"]);
      setAttribute(join(merged, "d/f"), "security.capability", CAPABILITY);
      expect(await told(overlay)).toEqual(["C /d", "C /d/f"]);
    });
  });

  it("tells of other content in a file with the size and time that it had", async () => {
    await onSite(fileAt("d/f"), async ({ overlay, tree, merged }) => {
      for (const directory of [merged, tree.directory]) {
        const { mtime } = statSync(join(directory, "d/f"));
        writeFileSync(join(directory, "d/f"), "===");
        utimesSync(join(directory, "d/f"), mtime, mtime);
      }
      expect(await told(overlay)).toEqual(["C /d", "C /d/f"]);
      expect(await told(tree)).toEqual(["C /d", "C /d/f"]);
    });
  });

  it("passes over what is removed while the tree is read", async () => {
    await onSite(fileAt("d/f"), async ({ overlay, merged }) => {
      for (const name of ["new-a", "new-b"]) writeFileSync(join(merged, name), "");
      const walk = compareOverlay(overlay, { withoutSockets: false });
      const paths = Array.from(walk, ({ path }) => {
        rmSync(join(merged, "new-b"), { force: true });
        return path.toString();
      });
      expect(paths).toEqual(["", "new-a"]);
    });
  });

  it("tells of a directory that was removed and made again only what is gone and new in it", async () => {
    await onSite(fileAt("d/f"), async ({ overlay, merged }) => {
      rmSync(join(merged, "d"), { recursive: true });
      mkdirSync(join(merged, "d"));
      writeFileSync(join(merged, "d/g"), "");
      expect(await told(overlay)).toEqual(["C /d", "D /d/f", "A /d/g"]);
    });
  });

  it.each([
    ["redirect_dir=on", "renamed directories", (tree: string) => renameSync(join(tree, "d"), join(tree, "e"))],
    ["metacopy=on,redirect_dir=on", "files with new attributes", (tree: string) => chmodSync(join(tree, "d/f"), 0o600)],
  ])("follows what overlayfs with %s notes of %s", async (option, _, change) => {
    await onSite(
      fileAt("d/f"),
      async ({ overlay, tree, merged }) => {
        change(merged);
        change(tree.directory);
        expect(() => [...compareOverlay(overlay, { withoutSockets: false })]).toThrow(IncompleteUpper);
        expect(await told(overlay)).toEqual(await told(tree));
        expect(names(await collect(changesTar(overlay)))).toEqual(names(await collect(changesTar(tree))));
      },
      `,${option}`,
    );
  });
});

function names(tar: Buffer): string[] {
  return readTar(tar).map(({ entry }) => `${entry.kind} ${entry.name.toString("latin1")}`);
}
