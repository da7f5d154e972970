import {
  copyFileSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Engine } from "../../src/engine/engine.ts";
import { openEngine } from "../../src/engine/open-engine.ts";
import { openDirectory, tryMknodat } from "../../src/sys/at.ts";
import { close } from "../../src/sys/file.ts";
import { S_IFCHR } from "../../src/sys/flags.ts";
import { removeXattr, setXattr } from "../../src/sys/xattr.ts";
import { dockerd, startDockerd } from "../support/dockerd.ts";
import { makeFileSystem, overlay, type TestFileSystem } from "../support/filesystems.ts";
import { dockerArchive, type TestImage } from "../support/image-builder.ts";
import { requires } from "../support/requires.ts";
import { scratchDirectory } from "../support/scratch.ts";
import { lines, snapshot } from "../support/snapshot.ts";
import { layerTar } from "../support/tar-builder.ts";
import { checkout } from "../support/tree.ts";

const image: TestImage = {
  tags: ["all:1"],
  layers: [
    layerTar([
      { name: "d/", type: "directory" },
      { name: "d/file", data: "lower" },
      { name: "d/gone", data: "gone" },
      { name: "o/", type: "directory" },
      { name: "o/hidden", data: "hidden" },
    ]),
    layerTar([
      { name: "d/.wh.gone" },
      { name: "o/", type: "directory" },
      { name: "o/.wh..wh..opq" },
      { name: "link", type: "symlink", link: "target" },
      { name: "first", data: "linked" },
      { name: "second", type: "hardlink", link: "first" },
      { name: "tty", type: "char", device: [5, 1] },
      { name: "noted", data: "x", xattrs: { "user.note": "here" } },
    ]),
  ],
};

const missing = requires(overlay());
let place: TestFileSystem | undefined;
beforeAll(() => {
  if (missing === null) place = makeFileSystem("ext4");
});
afterAll(() => place?.[Symbol.dispose]());

/** What is done in the directory of the upper layer. */
type Act = (upper: string) => void;

const BOTH: readonly (readonly [string, Act, string])[] = [
  ["a symlink that leads elsewhere", relinked, '/link: link target is "other", expected "target"'],
  ["hard links that are two files", split, '/second: hard link is another file, expected the same file as "/first"'],
  ["a device of another number", renumbered, "/tty: device is 5:2, expected 5:1"],
  ["an xattr that was changed", noted("there"), '/noted: xattr user.note is "there", expected "here"'],
  ["an xattr that was taken away", noted(null), '/noted: xattr user.note is nothing, expected "here"'],
  ["an xattr that was added", (upper) => xattr(upper, "first", "user.more", "1"), "/first: xattr user.more is"],
];

const OVERLAY: readonly (readonly [string, Act, string])[] = [
  [
    "a whiteout that is missing",
    (upper) => rmSync(join(upper, "d/gone")),
    "/d/gone: missing is nothing, so the layers below show",
  ],
  ["a whiteout that no layer has", whitedOut, "/d/file: added is a whiteout, expected nothing"],
  ["an opaque mark that is missing", opaque("o", null), "/o/hidden: missing is nothing, so the layers below show"],
  ["an opaque mark that no layer has", opaque("d", "y"), "/d: opaque mark is one, which hides them"],
];

const VFS: readonly (readonly [string, Act, string])[] = [
  ["a deleted file that is there", (upper) => writeFileSync(join(upper, "d/gone"), ""), "/d/gone: added is file"],
  ["a file of a lower layer with other content", rewritten, "/d/file: content is CRC-64"],
  ["a file of a lower layer that is missing", (upper) => rmSync(join(upper, "d/file")), "/d/file: missing is nothing"],
];

describe.each([
  ["overlay2", [...BOTH, ...OVERLAY]],
  ["vfs", [...BOTH, ...VFS]],
] as const)("check, with %s", (driver, rows) => {
  it.each(rows)("names %s, and changes nothing", async (_, act, expected) => {
    await withImage(driver, async (engine, root) => {
      const upper = (await engine.explain("all:1")).layers[1]?.directory ?? "";
      act(upper);
      const before = lines(snapshot(root));
      expect(await told(engine)).toContainEqual(expect.stringContaining(expected));
      expect(lines(snapshot(root))).toEqual(before);
    });
  });

  it("does not read contents when it shall be quick", async () => {
    await withImage(driver, async (engine) => {
      const upper = (await engine.explain("all:1")).layers[1]?.directory ?? "";
      const path = join(upper, "first");
      const { mtimeNs } = statSync(path, { bigint: true });
      writeFileSync(path, "LINKED");
      utimesSync(path, Number(mtimeNs / 1_000_000_000n), Number(mtimeNs / 1_000_000_000n));
      expect((await engine.check(["all:1"], { quick: true })).findings).toEqual([]);
      expect(await told(engine)).toEqual([expect.stringContaining("/first: content is CRC-64")]);
    });
  });

  describe("on a root of dockerd, also while it runs", () => {
    const absent = requires(dockerd());

    it("finds nothing, with containers and without", async () => {
      if (absent !== null) return;
      const root = newRoot();
      await using engine = await openEngine({ root, driver });
      const daemon = await startDockerd(root, driver);
      try {
        daemon.docker("load", "-i", archive());
        daemon.docker("load", "-i", join(checkout, "sample/layerfs-sample.tar"));
        daemon.docker("create", "--name", "box", "all:1", "/none");
        expect(await engine.check([])).toEqual({ images: 2, layers: 5, unseen: [], findings: [] });
      } finally {
        await daemon[Symbol.asyncDispose]();
      }
      expect((await engine.check([])).findings).toEqual([]);
    });
  });
});

async function told(engine: Engine): Promise<string[]> {
  const { findings } = await engine.check([]);
  return findings.map(({ path, what, found, expected }) => `${path}: ${what} is ${found}, expected ${expected}`);
}

async function withImage(driver: string, use: (engine: Engine, root: string) => Promise<void>): Promise<void> {
  const root = newRoot();
  await using engine = await openEngine({ root, driver });
  await engine.load({ file: archive() });
  expect((await engine.check([])).findings).toEqual([]);
  await use(engine, root);
}

function newRoot(): string {
  return join(mkdtempSync(join(place?.directory ?? "", "check-")), "root");
}

function archive(): string {
  const file = join(scratchDirectory(), "image.tar");
  writeFileSync(file, dockerArchive([image]));
  return file;
}

function relinked(upper: string): void {
  rmSync(join(upper, "link"));
  symlinkSync("other", join(upper, "link"));
}

function split(upper: string): void {
  copyFileSync(join(upper, "first"), join(upper, "third"));
  renameSync(join(upper, "third"), join(upper, "second"));
}

function renumbered(upper: string): void {
  rmSync(join(upper, "tty"));
  makeDevice(upper, "tty", 5, 2);
}

function whitedOut(upper: string): void {
  makeDevice(upper, "d/file", 0, 0);
}

function makeDevice(upper: string, name: string, major: number, minor: number): void {
  const fd = openDirectory(upper);
  expect(tryMknodat(fd, Buffer.from(name), S_IFCHR, major, minor)).toBe(0);
  close(fd);
}

/** Takes the place of the copy that this layer's tree has, so that the layers below keep theirs. */
function rewritten(upper: string): void {
  const path = join(upper, "d/file");
  const size = readFileSync(path).length;
  writeFileSync(path, "x".repeat(size));
}

function noted(value: string | null): Act {
  return (upper) => xattr(upper, "noted", "user.note", value);
}

function opaque(directory: string, value: string | null): Act {
  return (upper) => xattr(upper, directory, "trusted.overlay.opaque", value);
}

function xattr(upper: string, name: string, key: string, value: string | null): void {
  const fd = openDirectory(upper);
  if (value === null) removeXattr(fd, Buffer.from(name), key);
  else setXattr(fd, Buffer.from(name), key, Buffer.from(value));
  close(fd);
}
