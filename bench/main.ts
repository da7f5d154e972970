/**
 * `npm run bench -- NAME`: times what layerfs does, with other programs of the machine beside it, and writes
 * docs/performance.md. Needs root: the stores lie on a fresh ext4, in a private mount namespace.
 */
import { spawnSync } from "node:child_process";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { type BenchmarkOptions, benchmark } from "./benchmark.ts";
import { containers } from "./containers/containers.ts";
import { containersReport } from "./containers/render.ts";
import { installLayerfs } from "./installation.ts";
import { look } from "./look/look.ts";
import { lookReport } from "./look/render.ts";
import { reportOf } from "./render.ts";
import { pictureOf, type Report, withReport } from "./report.ts";
import { OPERATIONS } from "./results.ts";

const USAGE = `usage: npm run bench -- load|save|pull|push|look|containers --images DIR [options]
  --images DIR   a directory with docker/NAME.tar and oci/NAME
  --image NAMES  which of them, with commas between (default: all; of look: nasty,nginx,large,wasteful, each where
                 it tells most; of containers: large)
  --only PEERS   which of layerfs,docker,podman,skopeo,umoci,ctr; of look: layerfs,snyk-docker-plugin,docker,podman,umoci;
                 of containers: layerfs,docker,podman,buildah
                 (default: all)
  --runs N       runs of each (default: 5; of look: 3)
  --size GIB     size of the file system (default: 10)
  --results FILE where the figures go as JSON (default: docs/performance-NAME.json)
  --no-docs      leave docs/performance.md and its picture as they are
`;
const checkout = join(import.meta.dirname, "..");
const NAMESPACE_MARK = "LAYERFS_BENCH_NAMESPACE";

interface Benchmark {
  readonly defaultRuns: number;
  run(options: BenchmarkOptions): Promise<Report>;
}

const BENCHMARKS: ReadonlyMap<string, Benchmark> = new Map([
  ...OPERATIONS.map((operation): [string, Benchmark] => [
    operation,
    { defaultRuns: 5, run: async (options) => reportOf(await benchmark(operation, options)) },
  ]),
  ["containers", { defaultRuns: 5, run: async (options) => containersReport(await containers(options)) }],
  ["look", { defaultRuns: 3, run: async (options) => lookReport(await look(options)) }],
]);

const { values, positionals } = parseArgs({
  allowPositionals: true,
  allowNegative: true,
  options: {
    images: { type: "string" },
    image: { type: "string", default: "" },
    only: { type: "string", default: "" },
    runs: { type: "string" },
    size: { type: "string", default: "10" },
    results: { type: "string" },
    docs: { type: "boolean", default: true },
  },
});
const { images } = values;
const chosen = BENCHMARKS.get(positionals.join());

if (chosen === undefined || images === undefined) {
  process.stderr.write(USAGE);
  process.exitCode = 2;
} else if (process.env[NAMESPACE_MARK] === undefined) {
  process.exitCode = inOwnNamespace();
} else {
  await run(chosen, resolve(images));
}

function inOwnNamespace(): number {
  const words = ["--mount", "--propagation", "private", process.execPath, ...process.argv.slice(1)];
  const env = { ...process.env, [NAMESPACE_MARK]: "1" };
  return spawnSync("unshare", words, { stdio: "inherit", env }).status ?? 1;
}

async function run({ defaultRuns, run }: Benchmark, directory: string): Promise<void> {
  using installed = installLayerfs(checkout);
  const report = await run({
    directory,
    images: list(values.image),
    runs: Number(values.runs ?? defaultRuns),
    only: list(values.only),
    layerfs: [installed.command],
    library: installed.library,
    gibibytes: Number(values.size),
    log: (line) => process.stderr.write(`${line}\n`),
  });
  process.stdout.write(report.text);
  const file = values.results ?? join(checkout, `docs/performance-${report.name}.json`);
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, `${JSON.stringify(report.results, null, 2)}\n`);
  if (values.docs) writeDocs(report);
}

function writeDocs(report: Report): void {
  const page = join(checkout, "docs/performance.md");
  writeFileSync(page, withReport(readFileSync(page, "utf8"), report));
  writeFileSync(join(checkout, "docs", pictureOf(report.name)), report.picture);
}

function list(text: string): string[] {
  return text.split(",").filter((word) => word !== "");
}
