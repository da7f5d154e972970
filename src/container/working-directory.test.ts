import { existsSync, mkdirSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it, onTestFinished } from "vitest";
import { scratchDirectory } from "../../test/support/scratch.ts";
import { openTree } from "../mount/detached.ts";
import { umask } from "../sys/at.ts";
import { makeWorkingDirectory } from "./working-directory.ts";

function make(root: string, path: string): void {
  using tree = openTree(root);
  makeWorkingDirectory(tree, path);
}

it("makes what is missing of a working directory with mode 0755, whatever the umask", () => {
  const root = scratchDirectory();
  mkdirSync(join(root, "there"), 0o700);
  const before = umask(0o077);
  onTestFinished(() => void umask(before));
  make(root, "/there/is/more");
  const modes = ["there", "there/is", "there/is/more"].map((path) => statSync(join(root, path)).mode & 0o777);
  expect(modes).toEqual([0o700, 0o755, 0o755]);
});

it("makes it inside the tree, wherever symlinks and .. lead", () => {
  const [root, outside] = [scratchDirectory(), scratchDirectory()];
  mkdirSync(join(root, "target"));
  symlinkSync("/target", join(root, "link"));
  symlinkSync(outside, join(root, "out"));
  make(root, "/link/in");
  make(root, "/../../up");
  expect(existsSync(join(root, "target/in"))).toBe(true);
  expect(existsSync(join(root, "up"))).toBe(true);
  expect(() => make(root, "/out/escaped")).toThrow("is not a directory");
  expect(existsSync(join(outside, "escaped"))).toBe(false);
});

it("refuses a path that leads through a file", () => {
  const root = scratchDirectory();
  writeFileSync(join(root, "file"), "");
  for (const path of ["/file", "/file/below"]) {
    expect(() => make(root, path)).toThrow(expect.objectContaining({ code: "CONFLICT" }));
  }
});
