/** The outcome of a test run, as the reporter hands it over. */
export interface Summary {
  readonly passed: number;
  /** Failed tests, files and hooks, and errors that no test caught. */
  readonly failed: number;
  readonly skipped: readonly SkippedTest[];
}

export interface SkippedTest {
  readonly name: string;
  readonly reason: string;
}

/** Every skipped test below its reason, then the line `N passed, N failed, N skipped`. */
export function renderSummary(summary: Summary): string {
  const byReason = Map.groupBy(summary.skipped, (test) => test.reason);
  const groups = [...byReason].map(([reason, tests]) => {
    const names = tests.map((test) => `    ${test.name}\n`).join("");
    return `  ${tests.length} because ${reason}:\n${names}`;
  });
  const skips = groups.length === 0 ? "" : `\nSkipped:\n${groups.join("")}\n`;
  return `${skips}${summary.passed} passed, ${summary.failed} failed, ${summary.skipped.length} skipped\n`;
}

/** A run is good when nothing failed and at least one test passed: a run that tested nothing is not. */
export function isGood(summary: Summary): boolean {
  return summary.failed === 0 && summary.passed > 0;
}
