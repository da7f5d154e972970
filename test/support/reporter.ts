import { writeFileSync } from "node:fs";
import type { Reporter, TestCase, TestModule } from "vitest/node";
import { renderSummary, type SkippedTest, type Summary } from "./summary.ts";

/**
 * Tells at the end which tests were skipped and why. Where LAYERFS_TEST_SUMMARY names a file, the summary is written
 * there as JSON instead, so that scripts/test.ts prints it as the very last thing.
 */
export default class SkipReporter implements Reporter {
  onTestRunEnd(modules: readonly TestModule[], unhandledErrors: readonly unknown[]): void {
    const summary = summarize(modules, unhandledErrors.length);
    const file = process.env.LAYERFS_TEST_SUMMARY;
    if (file === undefined) process.stdout.write(renderSummary(summary));
    else writeFileSync(file, JSON.stringify(summary));
  }
}

function summarize(modules: readonly TestModule[], unhandledErrors: number): Summary {
  const tests = modules.flatMap((module) => [...module.children.allTests()]);
  const suites = modules.flatMap((module) => [module, ...module.children.allSuites()]);
  const brokenSuites = suites.filter((suite) => suite.errors().length > 0).length;
  const count = (state: string): number => tests.filter((test) => test.result().state === state).length;
  return {
    passed: count("passed"),
    failed: count("failed") + count("pending") + brokenSuites + unhandledErrors,
    skipped: tests.filter((test) => test.result().state === "skipped").map(skippedTest),
  };
}

function skippedTest(test: TestCase): SkippedTest {
  return { name: `${test.module.relativeModuleId} > ${test.fullName}`, reason: reasonOf(test) };
}

function reasonOf(test: TestCase): string {
  const result = test.result();
  if (result.state === "skipped" && result.note !== undefined) return result.note;
  if (test.options.mode === "todo") return "it is to be written";
  for (let above: TestCase["parent"] = test.parent; ; above = above.parent) {
    if (above.errors().length > 0) return "what prepares it failed";
    if (above.type === "module") return "no reason is given";
  }
}
