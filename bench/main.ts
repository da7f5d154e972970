/**
 * `npm run bench -- load`: times loading images into an empty store, with other programs of the machine beside layerfs,
 * and writes docs/performance.md. Needs root: each run has a fresh ext4 of its own, in a private mount namespace.
 */
import { spawnSync } from "node:child_process";
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { command } from "./file-system.ts";
import { benchmarkLoad } from "./load.ts";
import { PICTURE, renderChart, renderText, withResults } from "./render.ts";
import type { Results } from "./results.ts";

const USAGE = `usage: npm run bench -- load --images DIR [options]
  --images DIR   a directory with docker/NAME.tar and oci/NAME
  --image NAMES  which of them, with commas between (default: all)
  --only PEERS   which of layerfs,docker,podman,skopeo,umoci,ctr (default: all)
  --runs N       runs of each (default: 5)
  --size GIB     size of the file system (default: 10)
  --results FILE where the figures go as JSON (default: docs/performance-load.json)
  --no-docs      leave docs/performance.md and its picture as they are
`;
const checkout = join(import.meta.dirname, "..");
const NAMESPACE_MARK = "LAYERFS_BENCH_NAMESPACE";

const { values, positionals } = parseArgs({
  allowPositionals: true,
  allowNegative: true,
  options: {
    images: { type: "string" },
    image: { type: "string", default: "" },
    only: { type: "string", default: "" },
    runs: { type: "string", default: "5" },
    size: { type: "string", default: "10" },
    results: { type: "string", default: join(checkout, "docs/performance-load.json") },
    docs: { type: "boolean", default: true },
  },
});
const { images } = values;

if (positionals.join() !== "load" || images === undefined) {
  process.stderr.write(USAGE);
  process.exitCode = 2;
} else if (process.env[NAMESPACE_MARK] === undefined) {
  process.exitCode = inOwnNamespace();
} else {
  await load(resolve(images));
}

function inOwnNamespace(): number {
  const words = ["--mount", "--propagation", "private", process.execPath, ...process.argv.slice(1)];
  const env = { ...process.env, [NAMESPACE_MARK]: "1" };
  return spawnSync("unshare", words, { stdio: "inherit", env }).status ?? 1;
}

async function load(directory: string): Promise<void> {
  const names = list(values.image);
  const results = await benchmarkLoad({
    directory,
    images: names.length > 0 ? names : readdirSync(join(directory, "oci")).sort(),
    runs: Number(values.runs),
    only: list(values.only),
    layerfs: builtLayerfs(),
    gibibytes: Number(values.size),
    log: (line) => process.stderr.write(`${line}\n`),
  });
  process.stdout.write(renderText(results));
  mkdirSync(dirname(values.results), { recursive: true });
  writeFileSync(values.results, `${JSON.stringify(results, null, 2)}\n`);
  if (values.docs) writeDocs(results);
}

/** The command as users install it: compiled, and with its compile cache filled. */
function builtLayerfs(): string[] {
  command("npm", "--prefix", checkout, "run", "--silent", "build");
  const words = [process.execPath, join(checkout, "dist/cli/main.js")];
  command(words[0] ?? "", ...words.slice(1), "version");
  return words;
}

function writeDocs(results: Results): void {
  const page = join(checkout, "docs/performance.md");
  writeFileSync(page, withResults(readFileSync(page, "utf8"), results));
  writeFileSync(join(checkout, "docs", PICTURE), renderChart(results));
}

function list(text: string): string[] {
  return text.split(",").filter((word) => word !== "");
}
