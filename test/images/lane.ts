import { spawnSync } from "node:child_process";
import { mkdirSync, readdirSync } from "node:fs";
import { basename, join } from "node:path";
import { dumpTree, type TreeRow } from "../support/dump-tree.ts";

export const LAYERFS: string = join(import.meta.dirname, "../../bin/layerfs");

/** What the command prints; throws with what it says where it fails. */
export function layerfs(words: readonly string[]): string {
  const { status, stdout, stderr } = spawnSync(LAYERFS, words, { encoding: "utf8", maxBuffer: 2 ** 26 });
  if (status !== 0) throw new Error(`layerfs ${words.join(" ")}: ${stderr}`);
  return stdout;
}

/** No mount outlives this program, however it ends. Does nothing in the program that it has started. */
export function restartInOwnNamespace(): void {
  if (process.env.LAYERFS_OWN_NAMESPACE !== undefined) return;
  const words = ["--mount", "--propagation", "private", process.execPath, ...process.argv.slice(1)];
  const env = { ...process.env, LAYERFS_OWN_NAMESPACE: "1" };
  const { status } = spawnSync("unshare", words, { stdio: "inherit", env });
  process.exit(status ?? 1);
}

/** The tree of an image of a store, through a mount at `target`, which is made. `store`: the options that name it. */
export function mountedTree(store: readonly string[], id: string, target: string): TreeRow[] {
  mkdirSync(target);
  layerfs([...store, "mount", id, target]);
  const rows = dumpTree(target);
  layerfs([...store, "umount", target]);
  return rows;
}

export function fail(message: string): never {
  process.stderr.write(`${message}\n`);
  process.exit(1);
}

/** The NAMEs of `images`/docker/NAME.tar, or the ones that are wanted. Ends the program where one is not there. */
export function archivesIn(images: string, wanted: readonly string[]): readonly string[] {
  const directory = join(images, "docker");
  const present = readdirSync(directory)
    .filter((name) => name.endsWith(".tar"))
    .map((name) => basename(name, ".tar"));
  const absent = wanted.find((name) => !present.includes(name));
  if (absent !== undefined || present.length === 0) fail(`${directory} holds no ${absent ?? "archive"}`);
  return wanted.length === 0 ? present : wanted;
}
