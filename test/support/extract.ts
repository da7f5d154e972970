import { spawnSync } from "node:child_process";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { scratchDirectory } from "./scratch.ts";

/** A directory to which GNU tar has unpacked an archive, as root. */
export function extractTar(tar: Buffer): string {
  const tree = join(scratchDirectory(), "tree");
  mkdirSync(tree);
  const { status, stderr } = spawnSync("tar", ["-xp", "--numeric-owner", "-C", tree], { input: tar, encoding: "utf8" });
  if (status !== 0) throw new Error(`tar -xp: ${stderr}`);
  return tree;
}
