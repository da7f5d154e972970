import { mkdirSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { scratchDirectory } from "../../test/support/scratch.ts";
import { makeDirectories } from "./make-directories.ts";

it("makes all that is missing, and leaves alone what is there", () => {
  const directory = scratchDirectory();
  mkdirSync(join(directory, "a"), { mode: 0o755 });
  makeDirectories(join(directory, "a/b/c"), 0o700);
  makeDirectories(join(directory, "a/b/c"), 0o711);
  expect(["a", "a/b", "a/b/c"].map((name) => statSync(join(directory, name)).mode & 0o777)).toEqual([
    0o755, 0o700, 0o700,
  ]);
});

it("says what stands in the way", () => {
  const file = join(scratchDirectory(), "file");
  writeFileSync(file, "");
  expect(() => makeDirectories(file, 0o700)).toThrow(expect.objectContaining({ code: "SYSTEM", errno: "EEXIST" }));
  expect(() => makeDirectories(join(file, "below"), 0o700)).toThrow(expect.objectContaining({ errno: "ENOTDIR" }));
});

it("gives up where nothing can be made at all", () => {
  expect(() => makeDirectories("/proc/none/below", 0o700)).toThrow(expect.objectContaining({ errno: "ENOENT" }));
});
