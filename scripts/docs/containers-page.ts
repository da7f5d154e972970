import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { normalised } from "../tour/readme.ts";

const checkout = join(import.meta.dirname, "../..");

/** Lines of shell, each after `$ `, with what they print. */
const BLOCK = /(<!-- Run by `npm run docs`, one after another\. -->\n```console\n)([\s\S]*?)(```\n)/g;

/**
 * docs/containers.md with the real output of its commands: all blocks are one session on a store that has the sample image;
 * `/mnt` is an empty directory. Needs root and overlay mounts.
 */
export function makeContainersDocs(page: string): string {
  const directory = mkdtempSync(join(tmpdir(), "layerfs-docs-"));
  const mnt = join(directory, "mnt");
  mkdirSync(mnt);
  const ids = new Map<string, string>();
  const run = (command: string): string =>
    withStableIDs(normalised(runShell(directory, command.replaceAll("/mnt", mnt)).replaceAll(mnt, "/mnt")), ids);
  try {
    runShell(directory, "layerfs load -q -i sample/layerfs-sample.tar");
    return page.replace(BLOCK, (_, begin: string, session: string, end: string) => {
      const commands = session.split("\n").filter((line) => line.startsWith("$ "));
      return begin + commands.map((line) => `${line}\n${run(line.slice("$ ".length))}`).join("") + end;
    });
  } finally {
    rmSync(directory, { recursive: true });
  }
}

/** What the command prints, its refusals too. */
function runShell(directory: string, command: string): string {
  const env = {
    ...process.env,
    LAYERFS_ROOT: join(directory, "root"),
    NO_COLOR: "1",
    PATH: [join(checkout, "bin"), process.env.PATH].join(delimiter),
  };
  const { stdout, error } = spawnSync("sh", ["-c", `{ ${command}\n} 2>&1`], { cwd: checkout, encoding: "utf8", env });
  if (error !== undefined) throw error;
  return stdout;
}

/** Containers' ids are random; the first is shown as one id, the second as another. Those of images stay. */
function withStableIDs(text: string, ids: Map<string, string>): string {
  const named = text.replace(/(?<![0-9a-f:])[0-9a-f]{64}(?![0-9a-f])/g, (id) => {
    const shown = ids.get(id) ?? createHash("sha256").update(`container ${ids.size}`).digest("hex");
    ids.set(id, shown);
    return shown;
  });
  return [...ids].reduce((result, [id, shown]) => result.replaceAll(id.slice(0, 12), shown.slice(0, 12)), named);
}
