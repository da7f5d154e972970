import { describe, expect, it } from "vitest";
import { isGood, renderSummary } from "./summary.ts";

describe("the summary of a test run", () => {
  it("ends with the three counts", () => {
    expect(renderSummary({ passed: 3, failed: 1, skipped: [] })).toBe("3 passed, 1 failed, 0 skipped\n");
  });

  it("lists the skipped tests below their reasons", () => {
    const skipped = [
      { name: "a.test.ts > mounts", reason: "it needs root" },
      { name: "b.test.ts > formats", reason: "there is no mkfs.xfs on this machine" },
      { name: "c.test.ts > unmounts", reason: "it needs root" },
    ];
    expect(renderSummary({ passed: 1, failed: 0, skipped })).toBe(
      [
        "",
        "Skipped:",
        "  2 because it needs root:",
        "    a.test.ts > mounts",
        "    c.test.ts > unmounts",
        "  1 because there is no mkfs.xfs on this machine:",
        "    b.test.ts > formats",
        "",
        "1 passed, 0 failed, 3 skipped",
        "",
      ].join("\n"),
    );
  });

  it.each([
    [{ passed: 1, failed: 0, skipped: [] }, true],
    [{ passed: 0, failed: 0, skipped: [] }, false],
    [{ passed: 9, failed: 1, skipped: [] }, false],
    [{ passed: 0, failed: 0, skipped: [{ name: "a", reason: "it needs root" }] }, false],
  ])("of %j is good: %s", (summary, good) => {
    expect(isGood(summary)).toBe(good);
  });
});
