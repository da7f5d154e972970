import { execFileSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { describe, expect, it } from "vitest";
import { requires, root } from "../support/requires.ts";
import { scratchDirectory } from "../support/scratch.ts";
import { checkout, readText } from "../support/tree.ts";

requires(root());

const EXAMPLES = [...readText("docs/library.md").matchAll(/```ts\n([\s\S]*?)```/g)].map(([, code = ""]) => code);

function run(example: string): string {
  const directory = scratchDirectory();
  const program = example
    .replace('"layerfs"', JSON.stringify(pathToFileURL(join(checkout, "src/index.ts")).href))
    .replace("/tmp/example-root", join(directory, "root"));
  writeFileSync(join(directory, "example.mts"), program);
  const env = { ...process.env, XDG_CACHE_HOME: directory };
  return execFileSync(process.execPath, [join(directory, "example.mts")], { cwd: checkout, encoding: "utf8", env });
}

describe("the examples in docs/library.md run as they stand", () => {
  it.each([
    ["the store", ["[ 'layerfs/sample:1' ]", "file /etc/motd", "This is the top layer", "NOT_FOUND"]],
    ["a view", ["[ 'layerfs/sample:1' ] linux/amd64", "'motd'", "This is the top layer", "package.json", "'replaced'"]],
    ["node:fs", ["motd true", "This is the top layer", "EINVAL"]],
    ["a scan", ["first round: ", "second round: 0 read"]],
    ["a union", ["deleted by layer", "true true true"]],
  ])("%s", (title, expected) => {
    const titles = ["the store", "a view", "node:fs", "a scan", "a union"];
    expect(EXAMPLES).toHaveLength(titles.length);
    const output = run(EXAMPLES[titles.indexOf(title)]!);
    for (const text of expected) expect(output).toContain(text);
  });
});
