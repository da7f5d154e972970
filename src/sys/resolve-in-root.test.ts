import { mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { scratchDirectory } from "../../test/support/scratch.ts";
import { openDirectory } from "./at.ts";
import { close } from "./file.ts";
import { resolveInRoot } from "./resolve-in-root.ts";

let root: number;

beforeEach(() => {
  const place = scratchDirectory();
  const tree = join(place, "root");
  mkdirSync(join(tree, "dir/sub"), { recursive: true });
  mkdirSync(join(place, "dir"));
  writeFileSync(join(place, "dir/secret"), "outside");
  writeFileSync(join(tree, "dir/file"), "inside");
  for (const [name, target] of Object.entries({
    absolute: "/dir",
    relative: "dir",
    up: "../../dir",
    dangling: "dir/new",
    loop: "loop",
    chain: "relative/sub/../file",
    slashed: "dir/",
  })) {
    symlinkSync(target, join(tree, name));
  }
  root = openDirectory(tree);
});

afterEach(() => close(root));

describe("a path in a tree", () => {
  it.each([
    ["/", true, "", "directory"],
    ["..", true, "", "directory"],
    ["/dir/file", true, "dir/file", "file"],
    ["dir//./file", true, "dir/file", "file"],
    ["/dir/sub/..", true, "dir", "directory"],
    ["/../../dir/sub", true, "dir/sub", "directory"],
    ["/absolute", true, "dir", "directory"],
    ["/absolute", false, "absolute", "symlink"],
    ["/absolute/", false, "dir", "directory"],
    ["/absolute/.", false, "dir", "directory"],
    ["/up/file", true, "dir/file", "file"],
    ["/up/..", true, "", "directory"],
    ["/chain", true, "dir/file", "file"],
    ["/slashed/sub", true, "dir/sub", "directory"],
    ["/up/secret", true, "dir/secret", undefined],
    ["/dangling", true, "dir/new", undefined],
    ["/dangling", false, "dangling", "symlink"],
    ["/new", true, "new", undefined],
    ["/new/", true, "new", undefined],
    ["/new/.", true, "new", undefined],
  ])("%s (followed to the end: %s) is /%s, a %s", (path, followLast, real, kind) => {
    using place = resolveInRoot(root, Buffer.from(path), { followLast });
    expect(place.names.map(String).join("/")).toBe(real);
    expect(place.stat?.kind).toBe(kind);
    expect(place.name.toString()).toBe(real === "" ? "." : real.slice(real.lastIndexOf("/") + 1));
  });

  it.each([
    ["", "ENOENT"],
    ["/new/x", "ENOENT"],
    ["/new/..", "ENOENT"],
    ["/dangling/x", "ENOENT"],
    ["/dir/file/x", "ENOTDIR"],
    ["/dir/file/", "ENOTDIR"],
    ["/dir/file/..", "ENOTDIR"],
    ["/loop", "ELOOP"],
    ["/loop/x", "ELOOP"],
  ])("%j leads nowhere: %s", (path, errno) => {
    expect(() => resolveInRoot(root, Buffer.from(path), { followLast: true })).toThrow(
      expect.objectContaining({ code: "NOT_FOUND", errno }),
    );
  });
});
