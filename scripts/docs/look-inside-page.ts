import { spawnSync } from "node:child_process";
import { join } from "node:path";

const checkout = join(import.meta.dirname, "../..");
const image = "docker-archive:sample/layerfs-sample.tar";

/** A command of the page and what it prints: a comment with the command, a block, a comment. */
const BLOCK = /(<!-- Made by `npm run docs`: layerfs (.+) -->\n)[\s\S]*?(<!-- End\. -->)/g;

/** docs/look-inside.md with the real output of its commands, where `$I` is the sample image. */
export function makeLookInsideDocs(page: string): string {
  return page.replace(BLOCK, (_, begin: string, words: string, end: string) => {
    return `${begin}\`\`\`console\n$ layerfs ${words}\n${runLayerfs(words)}\`\`\`\n${end}`;
  });
}

function runLayerfs(words: string): string {
  const script = `bin/layerfs --root /proc/no-root ${words}`;
  const env = { ...process.env, I: image, NO_COLOR: "1" };
  const { status, stdout, stderr } = spawnSync("sh", ["-c", script], { cwd: checkout, encoding: "utf8", env });
  if (status !== 0) throw new Error(`${script}: ${stderr}`);
  return stdout;
}
