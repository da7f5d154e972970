import { describe, expect, it } from "vitest";
import { renderChart, renderMarkdown, renderText, reportOf } from "./render.ts";
import { withReport } from "./report.ts";
import { type Results, type TaskSample, tasksOf } from "./results.ts";

function sample(peer: string, seconds: number, form: TaskSample["form"] = "docker-archive"): TaskSample {
  return {
    peer,
    form,
    image: "nginx",
    seconds,
    userSeconds: 1,
    systemSeconds: 0.5,
    peakBytes: 2 ** 20,
    writtenBytes: 0,
  };
}

const RESULTS: Results = {
  operation: "load",
  date: "2026-01-15T00:00:00.000Z",
  machine: {
    processor: "A <fast> processor",
    cores: 2,
    memoryBytes: 8 * 2 ** 30,
    kernel: "6.1",
    system: "Debian 12",
    fileSystem: "a fresh ext4",
  },
  versions: { layerfs: "0.1.0", docker: "20.10.24" },
  missing: [{ peer: "podman", form: "docker-archive", reason: "there is no podman on PATH" }],
  samples: [
    sample("umoci", 8, "OCI layout"),
    sample("layerfs", 2),
    sample("docker", 5),
    sample("layerfs", 3),
    sample("docker", 5),
  ],
};

describe("tasksOf", () => {
  it("puts the fastest peer first, and compares with the fastest one that is not layerfs", () => {
    const [archive, layout] = tasksOf(RESULTS.samples);
    expect(archive?.rows.map(({ peer, median, ratio }) => [peer, median, ratio])).toEqual([
      ["layerfs", 2.5, 0.5],
      ["docker", 5, 1],
    ]);
    expect(layout).toMatchObject({ form: "OCI layout", rows: [{ peer: "umoci", ratio: 1 }] });
  });

  it("has no ratio where layerfs is alone", () => {
    expect(tasksOf([sample("layerfs", 1)])[0]?.rows[0]?.ratio).toBeNull();
  });
});

describe("renderMarkdown", () => {
  it("tells the machine, the figures and what was not measured", () => {
    const text = renderMarkdown(RESULTS);
    expect(text).toContain(
      "Measured on 2026-01-15: 2 cores of A <fast> processor, 8 GiB, Debian 12, Linux 6.1; a fresh ext4.",
    );
    expect(text).toContain("| nginx, docker-archive | layerfs | 2.50 | 2.00-3.00 | 1.00+0.50 | 1 | 0.50 |\n");
    expect(text).toContain("Not measured: podman (docker-archive), because there is no podman on PATH.\n");
  });
});

describe("renderText", () => {
  it("aligns the same table", () => {
    const [head, first] = renderText(RESULTS).split("\n");
    expect(first?.indexOf("layerfs")).toBe(head?.indexOf("peer"));
  });
});

describe("renderChart", () => {
  it("draws a bar for each row, as long as its median", () => {
    const widths = [...renderChart(RESULTS).matchAll(/<rect x="144"[^>]* width="(\d+)"/g)].map((match) =>
      Number(match[1]),
    );
    expect(widths).toEqual([295, 590, 590]);
  });

  it("is the same each time", () => {
    expect(renderChart(RESULTS)).toBe(renderChart(RESULTS));
  });
});

describe("withReport", () => {
  const page = "before\n<!-- Made by `npm run bench -- load`. -->\nold\n<!-- End of load. -->\nafter\n";

  it("replaces what stands between the markers, and nothing else", () => {
    const written = withReport(page, reportOf(RESULTS));
    expect(written).toMatch(/^before\n<!--[^\n]*-->\nMeasured on [\s\S]*<!-- End of load. -->\nafter\n$/);
    expect(written).not.toContain("old");
    expect(withReport(written, reportOf(RESULTS))).toBe(written);
  });

  it("refuses a page without the markers", () => {
    expect(() => withReport("nothing", reportOf(RESULTS))).toThrow("no place");
  });
});
