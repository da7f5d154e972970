import { spawnSync } from "node:child_process";
import { mkdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { rowsOfImage } from "../../support/docker-export.ts";
import { startDockerd } from "../../support/dockerd.ts";
import { dumpTree, type TreeRow } from "../../support/dump-tree.ts";

/**
 * The tree that `docker export` gives of a container of the image, without what is dockerd's own. `directory` is left as
 * it was.
 */
export async function dockerExportedTree(directory: string, archive: string, image: string): Promise<TreeRow[]> {
  const place = join(directory, "docker");
  mkdirSync(place);
  const started = BigInt(Date.now() - 2000) * 1_000_000n;
  const [file, tree] = [join(place, "exported.tar"), join(place, "tree")];
  {
    await using daemon = await startDockerd(join(place, "root"), "overlay2");
    daemon.docker("load", "-q", "-i", archive);
    daemon.docker("export", "-o", file, daemon.docker("create", image, "sh"));
  }
  mkdirSync(tree);
  const words = ["-xpf", file, "-C", tree, "--numeric-owner"];
  const { status, stderr } = spawnSync("tar", words, { encoding: "utf8" });
  if (status !== 0) throw new Error(`tar ${words.join(" ")}: ${stderr}`);
  const rows = rowsOfImage(dumpTree(tree), started);
  rmSync(place, { recursive: true });
  return rows;
}
