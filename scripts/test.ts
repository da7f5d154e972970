/**
 * `npm test`: installs what the tests need of the system, then lint, types and tests. Arguments go to vitest:
 * `npm test -- src/tar`. As root the tests have a mount namespace of their own, so that no mount outlives them.
 */
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { isGood, renderSummary, type Summary } from "../test/support/summary.ts";
import { installSystemPackages } from "./system-packages.ts";

const checkout = join(import.meta.dirname, "..");
const programs = join(checkout, "node_modules", ".bin");

installSystemPackages();
const staticChecks = [
  run("lint and format", [join(programs, "biome"), "check", "--error-on-warnings", "."]),
  run("types", [join(programs, "tsc"), "--noEmit"]),
];
const summary = runTests(process.argv.slice(2));
const total = { ...summary, failed: summary.failed + staticChecks.filter((passed) => !passed).length };
process.stdout.write(renderSummary(total));
process.exitCode = isGood(total) ? 0 : 1;

function runTests(arguments_: readonly string[]): Summary {
  const directory = mkdtempSync(join(tmpdir(), "layerfs-test-"));
  const file = join(directory, "summary.json");
  try {
    const vitest = [process.execPath, join(checkout, "node_modules", "vitest", "vitest.mjs"), "run", ...arguments_];
    const passed = run("tests", [...ownNamespace(), ...vitest], { LAYERFS_TEST_SUMMARY: file });
    const summary: Summary = JSON.parse(readFileSync(file, "utf8"));
    // Vitest also fails for reasons that are no test's, such as a process that does not end.
    return passed || summary.failed > 0 ? summary : { ...summary, failed: 1 };
  } catch (error) {
    if (!(error instanceof Error && "code" in error && error.code === "ENOENT")) throw error;
    process.stdout.write("The test run ended without a result.\n");
    return { passed: 0, failed: 1, skipped: [] };
  } finally {
    rmSync(directory, { recursive: true });
  }
}

/** The words that start a program in a mount namespace of its own, none where the system does not allow it. */
function ownNamespace(): string[] {
  const words = ["unshare", "--mount", "--propagation", "private"];
  return process.getuid?.() === 0 && spawnSync("unshare", [...words.slice(1), "true"]).status === 0 ? words : [];
}

function run(title: string, words: readonly string[], environment: Record<string, string> = {}): boolean {
  const [program = "", ...rest] = words;
  const env = { ...process.env, PATH: `${programs}:${process.env.PATH ?? ""}`, ...environment };
  const result = spawnSync(program, rest, { cwd: checkout, stdio: "inherit", env });
  if (result.error) process.stdout.write(`${title}: ${result.error.message}\n`);
  else if (result.status !== 0) process.stdout.write(`${title}: failed\n`);
  return result.status === 0;
}
