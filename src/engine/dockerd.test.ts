import { mkdirSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { scratchDirectory } from "../../test/support/scratch.ts";
import { tryLock } from "../sys/lock.ts";
import { keepOutDockerd, keepOutFirstDockerd } from "./dockerd.ts";

function dockerRoot(): string {
  const root = scratchDirectory();
  mkdirSync(join(root, "volumes"));
  writeFileSync(join(root, "volumes/metadata.db"), "");
  return root;
}

it("keeps dockerd out of a root that it never used, too", () => {
  const root = scratchDirectory();
  expect(keepOutDockerd(root)).toBeNull();
  using _lock = keepOutFirstDockerd(root);
  expect(tryLock(join(root, "volumes/metadata.db"), "exclusive")).toBeNull();
  expect(statSync(join(root, "volumes/metadata.db")).size).toBe(0);
});

it("refuses a root while dockerd holds its lock, and takes it afterwards", () => {
  const root = dockerRoot();
  const dockerd = tryLock(join(root, "volumes/metadata.db"), "exclusive");
  expect(() => keepOutDockerd(root)).toThrow(expect.objectContaining({ code: "ROOT_IN_USE" }));
  dockerd?.release();
  using _lock = keepOutDockerd(root);
  expect(tryLock(join(root, "volumes/metadata.db"), "exclusive")).toBeNull();
});

it("lets several writers in and keeps dockerd out", () => {
  const root = dockerRoot();
  using first = keepOutDockerd(root);
  using second = keepOutDockerd(root);
  expect(first?.fd).not.toBe(second?.fd);
  expect(tryLock(join(root, "volumes/metadata.db"), "exclusive")).toBeNull();
});
