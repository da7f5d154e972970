import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { scratchDirectory } from "../../test/support/scratch.ts";
import { tryLock } from "../sys/lock.ts";
import { keepOutDockerd } from "./dockerd.ts";

function dockerRoot(): string {
  const root = scratchDirectory();
  mkdirSync(join(root, "volumes"));
  writeFileSync(join(root, "volumes/metadata.db"), "");
  return root;
}

it("needs no lock on a root that dockerd never used", () => {
  expect(keepOutDockerd(scratchDirectory())).toBeNull();
});

it("refuses a root while dockerd holds its lock, and takes it afterwards", () => {
  const root = dockerRoot();
  const dockerd = tryLock(join(root, "volumes/metadata.db"), "exclusive");
  expect(() => keepOutDockerd(root)).toThrow(expect.objectContaining({ code: "ROOT_IN_USE" }));
  dockerd?.release();
  using lock = keepOutDockerd(root);
  expect(lock).not.toBeNull();
});

it("lets several writers in and keeps dockerd out", () => {
  const root = dockerRoot();
  using first = keepOutDockerd(root);
  using second = keepOutDockerd(root);
  expect([first, second]).not.toContain(null);
  expect(tryLock(join(root, "volumes/metadata.db"), "exclusive")).toBeNull();
});
