import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { withBlock } from "./block.ts";

const checkout = join(import.meta.dirname, "../..");

/** What the pages show, in their order, with `web` as a container of the sample image. */
const COMMIT = [
  "layerfs mount web mnt",
  "echo hello >mnt/etc/motd; rm -r mnt/usr/share/doc; mkdir mnt/srv; echo page >mnt/srv/index.html",
  "layerfs diff web",
  "layerfs commit -m 'new page' -c 'CMD [\"serve\", \"/srv\"]' web site:1",
  "layerfs ls --layer 4 -R site:1",
  "layerfs umount mnt",
];
const CP = [
  "layerfs cp web:/etc/motd .",
  "echo hello >motd",
  "layerfs cp motd web:/etc/",
  "layerfs cp web:/usr/share/doc/sample - | tar -t",
  "tar -c motd | layerfs cp - web:/root",
  "layerfs diff web",
  "layerfs export -o web.tar web",
  "layerfs import -c 'CMD [\"/usr/bin/hello\"]' web.tar flat:1",
  "layerfs inspect -f '{{json .Config.Cmd}} {{.Comment}}' flat:1",
];

/** docs/commit.md with what the commands of its session print; needs root and overlay mounts. */
export function makeCommitDocs(page: string): string {
  return withSession(page, COMMIT);
}

/** The same for docs/cp.md. */
export function makeCpDocs(page: string): string {
  return withSession(page, CP);
}

function withSession(page: string, session: readonly string[]): string {
  const directory = mkdtempSync(join(tmpdir(), "layerfs-docs-"));
  try {
    mkdirSync(join(directory, "mnt"));
    run(directory, `layerfs load -q -i ${join(checkout, "sample/layerfs-sample.tar")}`);
    run(directory, "layerfs create --name web --network none layerfs/sample:1 /usr/bin/hello");
    const output = session.map((line) => `$ ${line}\n${shown(directory, run(directory, line))}`);
    return withBlock(page, "session", output.join(""));
  } catch (error) {
    spawnSync("umount", [join(directory, "mnt")]);
    throw error;
  } finally {
    rmSync(directory, { recursive: true });
  }
}

function run(directory: string, line: string): string {
  const script = line.replace(/(?<=^|\| )layerfs/, `${checkout}/bin/layerfs --root ${directory}/root -s overlay2`);
  const { status, stdout, stderr } = spawnSync("sh", ["-c", script], { cwd: directory, encoding: "utf8" });
  if (status !== 0) throw new Error(`${line}: ${stderr}`);
  return stdout;
}

function shown(directory: string, text: string): string {
  return text.replaceAll(`${directory}/`, "/home/me/").replace(/sha256:[0-9a-f]{64}/g, "sha256:IMAGE-ID");
}
