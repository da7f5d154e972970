import {
  chmodSync,
  lchownSync,
  linkSync,
  mkdirSync,
  renameSync,
  rmSync,
  symlinkSync,
  unlinkSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { requires, root } from "../../test/support/requires.ts";
import { scratchDirectory } from "../../test/support/scratch.ts";
import { openDirectory, utimensat } from "../sys/at.ts";
import { copyTree } from "../sys/copy-tree.ts";
import { close } from "../sys/file.ts";
import { setXattr } from "../sys/xattr.ts";
import { treeChanges } from "./changes.ts";

/** The tree that every test starts from. */
function fill(directory: string): void {
  mkdirSync(join(directory, "d/sub"), { recursive: true });
  for (const name of ["d/a", "d/b", "d/sub/c", "f"]) writeFileSync(join(directory, name), name);
  linkSync(join(directory, "f"), join(directory, "g"));
  symlinkSync("f", join(directory, "l"));
}

async function changesAfter(change: (directory: string) => void | Promise<void>): Promise<string[]> {
  const scratch = scratchDirectory();
  const [before, after] = [join(scratch, "before"), join(scratch, "after")];
  mkdirSync(before);
  mkdirSync(after);
  fill(before);
  copyTree(before, after);
  await change(after);
  return (await treeChanges(before, after)).map(({ kind, path }) => `${kind} ${path.toString("latin1")}`);
}

function replace(path: string, make: (path: string) => void): void {
  rmSync(path, { recursive: true });
  make(path);
}

function at(directory: string, act: (fd: number) => void): void {
  const fd = openDirectory(directory);
  try {
    act(fd);
  } finally {
    close(fd);
  }
}

describe("treeChanges", () => {
  requires(root());

  it.each<[string, (directory: string) => void, string[]]>([
    ["nothing", () => {}, []],
    ["a new file", (d) => writeFileSync(join(d, "d/sub/new"), ""), ["C /d", "C /d/sub", "A /d/sub/new"]],
    ["a removed file", (d) => rmSync(join(d, "d/a")), ["C /d", "D /d/a"]],
    ["a removed directory", (d) => rmSync(join(d, "d"), { recursive: true }), ["D /d"]],
    ["another mode", (d) => chmodSync(join(d, "d/a"), 0o600), ["C /d", "C /d/a"]],
    ["another mode of a directory", (d) => chmodSync(join(d, "d"), 0o700), ["C /d"]],
    ["another owner of a symlink", (d) => lchownSync(join(d, "l"), 5, 5), ["C /l"]],
    ["another time of a file", (d) => utimesSync(join(d, "d/sub/c"), 5, 5), ["C /d", "C /d/sub", "C /d/sub/c"]],
    ["another time of a directory", (d) => utimesSync(join(d, "d"), 5, 5), []],
    ["another mode of the root", (d) => chmodSync(d, 0o700), []],
    ["a file that became a directory", (d) => replace(join(d, "f"), mkdirSync), ["C /f"]],
    ["a directory that became a file", (d) => replace(join(d, "d"), (path) => writeFileSync(path, "")), ["C /d"]],
    ["a new hard link", (d) => linkSync(join(d, "f"), join(d, "h")), ["A /h"]],
    [
      "a user attribute",
      (d) => at(d, (fd) => setXattr(fd, Buffer.from("f"), "user.x", Buffer.from("y"))),
      ["C /f", "C /g"],
    ],
    ["a trusted attribute", (d) => at(d, (fd) => setXattr(fd, Buffer.from("f"), "trusted.x", Buffer.from("y"))), []],
    [
      "overlayfs's own attribute",
      (d) => at(d, (fd) => setXattr(fd, Buffer.from("d"), "trusted.overlay.opaque", Buffer.from("y"))),
      [],
    ],
    [
      "a renamed directory",
      (d) => renameSync(join(d, "d"), join(d, "e")),
      ["D /d", "A /e", "A /e/a", "A /e/b", "A /e/sub", "A /e/sub/c"],
    ],
    [
      "paths that sort otherwise than their directories",
      (d) => ["d-", "d/z"].forEach((name) => void writeFileSync(join(d, name), "")),
      ["C /d", "A /d-", "A /d/z"],
    ],
    [
      "a name that is not UTF-8",
      (d) => symlinkSync("x", Buffer.concat([Buffer.from(`${d}/`), Buffer.of(0xff)])),
      ["A /\xff"],
    ],
  ])("tells of %s", async (_, change, expected) => {
    expect(await changesAfter(change)).toEqual(expected);
  });

  it("takes a symlink to another target of the same length and time for changed", async () => {
    const changes = await changesAfter((directory) => {
      const [link, time] = [join(directory, "l"), { seconds: 7, nanoseconds: 7 }];
      at(directory, (fd) => {
        at(join(directory, "../before"), (old) => utimensat(old, Buffer.from("l"), time));
        unlinkSync(link);
        symlinkSync("g", link);
        utimensat(fd, Buffer.from("l"), time);
      });
    });
    expect(changes).toEqual(["C /l"]);
  });

  it.each([
    [5, 0, []],
    [5, 6, ["C /d", "C /d/a"]],
    [0, 0, []],
  ])("compares times of %i and %i nanoseconds as times that may be cut off", async (before, after, expected) => {
    const changes = await changesAfter((directory) => {
      at(join(directory, "../before/d"), (fd) => utimensat(fd, Buffer.from("a"), { seconds: 9, nanoseconds: before }));
      at(join(directory, "d"), (fd) => utimensat(fd, Buffer.from("a"), { seconds: 9, nanoseconds: after }));
    });
    expect(changes).toEqual(expected);
  });

  it("tells of a new socket", async () => {
    const server = createServer();
    const changes = await changesAfter(async (directory) => {
      server.listen(join(directory, "s"));
      await new Promise((resolve) => server.once("listening", resolve));
    });
    server.close();
    expect(changes).toEqual(["A /s"]);
  });

  it("compares trees deeper than a path may be long", async () => {
    const changes = await changesAfter((directory) => {
      const cwd = process.cwd();
      try {
        process.chdir(directory);
        for (let depth = 0; depth < 25; depth++) {
          mkdirSync("x".repeat(200));
          process.chdir("x".repeat(200));
        }
      } finally {
        process.chdir(cwd);
      }
    });
    expect(changes).toHaveLength(25);
    expect(changes.at(-1)?.length).toBe(2 + 25 * 201);
  });

  it("fails with SYSTEM and ENOENT for a directory that is not there", async () => {
    await expect(treeChanges("/nonexistent", "/")).rejects.toMatchObject({ code: "SYSTEM", errno: "ENOENT" });
  });
});
