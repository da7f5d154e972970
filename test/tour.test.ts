import { spawnSync } from "node:child_process";
import { describe, expect, it } from "vitest";
import { normalised, tourOfReadme, withTour } from "../scripts/tour/readme.ts";
import { type Launcher, runTour } from "../scripts/tour/run.ts";
import { type TourStep, tourSteps } from "../scripts/tour/steps.ts";
import { mounting, requires, root } from "./support/requires.ts";
import { checkout, readText } from "./support/tree.ts";

const launcher: Launcher = { program: "/bin/echo", typed: "bin/layerfs", cwd: "/" };

function outputOf(steps: readonly TourStep[]): { output: string; done: boolean } {
  let output = "";
  const done = runTour(steps, launcher, (text) => {
    output += text;
  });
  return { output, done };
}

describe("a tour", () => {
  it("shows each title, command and output", () => {
    const steps = [
      { title: "One.", words: ["layerfs", "a b"], expected: "a b" },
      { title: "Two.", words: ["true"], expected: "" },
    ];
    expect(outputOf(steps)).toEqual({ done: true, output: "# One.\n$ bin/layerfs 'a b'\na b\n\n# Two.\n$ true\n" });
  });

  it.each([
    ["fails", ["false"], "", "exit status 1, expected 0"],
    ["shows something else", ["layerfs", "b"], "a", "the output does not have: a"],
    ["cannot be started", ["/nowhere/program"], "", "ENOENT"],
  ])("stops at a command that %s", (_, words, expected, message) => {
    const { output, done } = outputOf([
      { title: "One.", words, expected },
      { title: "Two.", words: ["true"], expected: "" },
    ]);
    expect(done).toBe(false);
    expect(output).toContain(message);
    expect(output).not.toContain("Two.");
  });

  const options = { directory: "/d", sample: "s.tar", runsPrograms: true };

  it("reads from the layers where nothing can be mounted", () => {
    const steps = tourSteps({ ...options, noMounts: "a mount needs root", isRoot: false });
    const verbs = steps.map(({ words }) => words.find((word) => /^(load|images|explain|ls|cat|rmi|mount)$/.test(word)));
    expect(verbs).toEqual(["load", "images", "explain", "ls", "cat", "rmi"]);
    expect(steps[0]?.words).toContain("vfs");
  });

  it("unmounts what it mounts", () => {
    const lines = tourSteps({ ...options, noMounts: null, isRoot: true }).map(({ words }) => words.join(" "));
    expect(lines).toContain("layerfs --root /d/root mount layerfs/sample:1 /d/merged");
    expect(lines).toContain("layerfs --root /d/root umount /d/merged");
  });
});

describe("the tour in the README", () => {
  it("replaces the one that was there", () => {
    const readme = readText("README.md");
    const changed = withTour(readme, "$ true\n");
    expect(tourOfReadme(changed)).toBe("$ true\n");
    expect(withTour(changed, tourOfReadme(readme))).toBe(readme);
  });

  it.each([
    ["/var/tmp/layerfs-tour-aB3x_9/root", "/tmp/layerfs-tour/root"],
    [`/r/overlay2/${"0a".repeat(32)}/diff`, "/r/overlay2/CACHE-ID/diff"],
    [`/r/vfs/dir/${"0a".repeat(32)}`, "/r/vfs/dir/CACHE-ID"],
    [`lowerdir=l/${"AB".repeat(13)}:l/${"CD".repeat(13)}`, "lowerdir=l/SHORT-ID:l/SHORT-ID"],
    [`cache-id     ${"0a".repeat(32)}`, "cache-id     CACHE-ID"],
    [`link         l/${"AB".repeat(13)}`, "link         l/SHORT-ID"],
    [`sha256:${"0a".repeat(32)}`, `sha256:${"0a".repeat(32)}`],
    [
      "REPOSITORY   CREATED         SIZE\nsample       22 months ago   126kB",
      "REPOSITORY   CREATED       SIZE\nsample       2 years ago   126kB",
    ],
    ["created About an hour ago, 3 layers", "created 2 years ago, 3 layers"],
  ])("has what differs from run to run made the same: %s", (text, same) => {
    expect(normalised(text)).toBe(same);
  });
});

describe("npm run tour", () => {
  requires(root(), mounting(), process.arch === "x64" ? null : "the README shows the tour of an x86-64 machine");

  it("prints what the README shows", () => {
    const result = spawnSync(process.execPath, ["scripts/tour.ts"], { cwd: checkout, encoding: "utf8" });
    expect(result.stderr).toBe("");
    expect(normalised(result.stdout)).toBe(tourOfReadme(readText("README.md")));
    expect(result.status).toBe(0);
  });
});
