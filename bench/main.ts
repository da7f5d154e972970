/**
 * `npm run bench -- OPERATION`: times load, save, pull or push, with other programs of the machine beside layerfs, and
 * writes docs/performance.md. Needs root: the stores lie on a fresh ext4, in a private mount namespace.
 */
import { spawnSync } from "node:child_process";
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { benchmark } from "./benchmark.ts";
import { installLayerfs } from "./installation.ts";
import { pictureOf, renderChart, renderText, withResults } from "./render.ts";
import { OPERATIONS, type Operation, type Results } from "./results.ts";

const USAGE = `usage: npm run bench -- load|save|pull|push --images DIR [options]
  --images DIR   a directory with docker/NAME.tar and oci/NAME
  --image NAMES  which of them, with commas between (default: all)
  --only PEERS   which of layerfs,docker,podman,skopeo,umoci,ctr (default: all)
  --runs N       runs of each (default: 5)
  --size GIB     size of the file system (default: 10)
  --results FILE where the figures go as JSON (default: docs/performance-OPERATION.json)
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
    results: { type: "string" },
    docs: { type: "boolean", default: true },
  },
});
const { images } = values;

const operation = OPERATIONS.find((name) => name === positionals.join());

if (operation === undefined || images === undefined) {
  process.stderr.write(USAGE);
  process.exitCode = 2;
} else if (process.env[NAMESPACE_MARK] === undefined) {
  process.exitCode = inOwnNamespace();
} else {
  await run(operation, resolve(images));
}

function inOwnNamespace(): number {
  const words = ["--mount", "--propagation", "private", process.execPath, ...process.argv.slice(1)];
  const env = { ...process.env, [NAMESPACE_MARK]: "1" };
  return spawnSync("unshare", words, { stdio: "inherit", env }).status ?? 1;
}

async function run(operation: Operation, directory: string): Promise<void> {
  const names = list(values.image);
  using installed = installLayerfs(checkout);
  const results = await benchmark({
    operation,
    directory,
    images: names.length > 0 ? names : readdirSync(join(directory, "oci")).sort(),
    runs: Number(values.runs),
    only: list(values.only),
    layerfs: [installed.command],
    gibibytes: Number(values.size),
    log: (line) => process.stderr.write(`${line}\n`),
  });
  process.stdout.write(renderText(results));
  const file = values.results ?? join(checkout, `docs/performance-${operation}.json`);
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, `${JSON.stringify(results, null, 2)}\n`);
  if (values.docs) writeDocs(results);
}

function writeDocs(results: Results): void {
  const page = join(checkout, "docs/performance.md");
  writeFileSync(page, withResults(readFileSync(page, "utf8"), results));
  writeFileSync(join(checkout, "docs", pictureOf(results)), renderChart(results));
}

function list(text: string): string[] {
  return text.split(",").filter((word) => word !== "");
}
