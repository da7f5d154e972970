import { execFileSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { expect, it } from "vitest";
import { requires, root } from "../support/requires.ts";
import { scratchDirectory } from "../support/scratch.ts";
import { checkout, readText } from "../support/tree.ts";

requires(root());

it("the example in docs/library.md runs as it stands", () => {
  const directory = scratchDirectory();
  const example = /```ts\n([\s\S]*?)```/.exec(readText("docs/library.md"))?.[1] ?? "";
  const program = example
    .replace('"layerfs"', JSON.stringify(pathToFileURL(join(checkout, "src/index.ts")).href))
    .replace("/tmp/example-root", join(directory, "root"));
  writeFileSync(join(directory, "example.mts"), program);
  const output = execFileSync(process.execPath, [join(directory, "example.mts")], { cwd: checkout, encoding: "utf8" });
  expect(output).toContain("[ 'layerfs/sample:1' ]");
  expect(output).toContain("file /etc/motd");
  expect(output).toContain("This is the top layer");
  expect(output).toContain("NOT_FOUND");
});
