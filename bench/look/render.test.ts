import { describe, expect, it } from "vitest";
import { lookReport } from "./render.ts";
import type { ListingSample, LookResults, ReadingSample } from "./results.ts";

const COST = { userSeconds: 1, systemSeconds: 0.5, peakBytes: 2 ** 20, writtenBytes: 3 * 2 ** 20 };

function reading(command: string, seconds: number, isReference: boolean): ReadingSample {
  return { task: "list nginx", command, isReference, seconds, ...COST };
}

function listing(peer: string, seconds: number, missing: number): ListingSample {
  const wrong = { missing, extra: 1, different: 0 };
  return { image: "nginx", form: "docker-archive", peer, seconds, wrong, ...COST };
}

const RESULTS: LookResults = {
  date: "2026-01-15T00:00:00.000Z",
  machine: {
    processor: "A processor",
    cores: 2,
    memoryBytes: 8 * 2 ** 30,
    kernel: "6.1",
    system: "Debian 12",
    fileSystem: "a fresh ext4",
  },
  versions: { layerfs: "0.1.0" },
  missing: [{ what: "docker (nginx, store)", reason: "it ended with 1: two\nlines" }],
  readings: [
    reading("layerfs ls -R, first", 3, false),
    reading("cat", 1, true),
    reading("read and SHA-256", 2, true),
    reading("layerfs ls -R, first", 5, false),
  ],
  listings: [listing("slow", 9, 0), listing("layerfs", 2, 0), listing("layerfs", 4, 7)],
};

describe("lookReport", () => {
  const { markdown, text, picture } = lookReport(RESULTS);

  it("compares what layerfs takes with each plain reading, and those with nothing", () => {
    const ratios = "4.00 of cat, 2.00 of read and SHA-256";
    const first = `| list nginx | layerfs ls -R, first | 4.00 | 3.00-5.00 | 1.00+0.50 | 1 | ${ratios} |`;
    const lines = markdown.split("\n");
    const index = lines.indexOf(first);
    expect(index).toBeGreaterThan(0);
    expect(lines[index + 1]).toBe("| list nginx | cat | 1.00 | 1.00-1.00 | 1.00+0.50 | 1 |  |");
  });

  it("lists the fastest peer first, with what it wrote and the most wrong answers of its runs", () => {
    const lines = markdown.split("\n").filter((line) => line.startsWith("| nginx |"));
    expect(lines).toEqual([
      "| nginx | layerfs, docker-archive | 3.00 | 2.00-4.00 | 1.00+0.50 | 1 | 3 | 7 | 1 | 0 |",
      "| nginx | slow, docker-archive | 9.00 | 9.00-9.00 | 1.00+0.50 | 1 | 3 | 0 | 1 | 0 |",
    ]);
  });

  it("tells what was not measured, on one line", () => {
    expect(markdown).toContain("Not measured: docker (nginx, store), because it ended with 1: two lines.\n");
    expect(text).toContain("Not measured: docker (nginx, store)");
  });

  it("draws a bar for each row, with the number of wrong answers", () => {
    expect([...picture.matchAll(/<rect x="254"/g)]).toHaveLength(5);
    expect(picture).toContain("3.00 s (8 wrong)");
  });
});
