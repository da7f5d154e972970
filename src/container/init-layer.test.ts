import { lstatSync, mkdirSync, readdirSync, readFileSync, readlinkSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { scratchDirectory } from "../../test/support/scratch.ts";
import { openTree } from "../mount/detached.ts";
import { writeMountPoints } from "./init-layer.ts";

it("puts mount points over what is no directory, and follows no symlink out of the tree", () => {
  const [root, outside] = [scratchDirectory(), scratchDirectory()];
  symlinkSync(outside, join(root, "etc"));
  symlinkSync(join(outside, "proc"), join(root, "proc"));
  mkdirSync(join(root, "dev/console"), { recursive: true });
  mkdirSync(join(root, "sys"), 0o700);
  writeFileSync(join(root, "sys/kept"), "");
  writeFileSync(join(root, ".dockerenv"), "of the image");
  using tree = openTree(root);
  writeMountPoints(tree.fd);
  writeMountPoints(tree.fd);
  expect(readdirSync(outside)).toEqual([]);
  expect(readdirSync(join(root, "etc")).sort()).toEqual(["hostname", "hosts", "mtab", "resolv.conf"]);
  expect(readlinkSync(join(root, "etc/mtab"))).toBe("/proc/mounts");
  expect(readFileSync(join(root, ".dockerenv"), "utf8")).toBe("");
  expect(lstatSync(join(root, "etc/hosts")).mode).toBe(0o100755);
  expect(lstatSync(join(root, "proc")).mode).toBe(0o040755);
  expect(lstatSync(join(root, "dev/console")).isDirectory()).toBe(true);
  expect(lstatSync(join(root, "sys")).mode).toBe(0o040700);
  expect(readdirSync(join(root, "sys"))).toEqual(["kept"]);
});
