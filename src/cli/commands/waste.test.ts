import { describe, expect, it } from "vitest";
import { type Run, runCommand, WASTE } from "../../../test/support/command-line.ts";

function waste(...words: readonly string[]): Promise<Run> {
  return runCommand(["waste", ...words], { engine: { waste: async () => WASTE } });
}

describe("layerfs waste", () => {
  it("tells the figures, the layers, what is hidden and what is there twice", async () => {
    const { status, stdout } = await waste("nginx");
    expect(status).toBe(0);
    expect(stdout).toMatch(/^efficiency +75%\nwasted +1kB in .*\nof what .* 50%\nhidden +500B in /);
    expect(stdout).toMatch(/^2 +2kB +0B +500B +\(no instruction recorded\)\n1 +2kB +500B +0B +COPY lowest \/$/m);
    expect(stdout).toMatch(/^500B +1 +replaced by 2 +\/etc\/mo\\x0atd$/m);
    expect(stdout).toMatch(/^20B +2 x 20B +\/a {2}\/b$/m);
  });

  it("shows ten of each list, and all with --all", async () => {
    const hidden = Array.from({ length: 12 }, () => WASTE.hidden[0]!);
    const engine = { waste: async () => ({ ...WASTE, hidden }) };
    const { stdout } = await runCommand(["waste", "nginx"], { engine });
    expect(stdout.match(/replaced by/g)).toHaveLength(10);
    expect(stdout).toContain("… 2 more files, all with --all\n");
    const all = await runCommand(["waste", "--all", "nginx"], { engine });
    expect(all.stdout.match(/replaced by/g)).toHaveLength(12);
  });

  it.each([
    [
      "dive's own thresholds",
      [],
      1,
      ["FAIL  lowestEfficiency: 0.75, at least 0.9", "SKIP  highestWastedBytes: disabled"],
    ],
    [
      "thresholds that just hold",
      ["--lowestEfficiency", "0.75", "--highestWastedBytes", "1kB", "--highestUserWastedPercent", "0.5"],
      0,
      ["PASS  highestWastedBytes: 1000, at most 1000", "Result: PASS"],
    ],
    [
      "a threshold of no byte",
      ["--lowestEfficiency", "off", "--highestWastedBytes", "0", "--highestUserWastedPercent", "disabled"],
      1,
      ["FAIL  highestWastedBytes: 1000, at most 0", "Result: FAIL"],
    ],
  ] as const)("checks %s with --ci", async (_, words, expected, lines) => {
    const { status, stdout, stderr } = await waste("--ci", ...words, "nginx");
    expect(status).toBe(expected);
    expect(stdout.split("\n")).toEqual(expect.arrayContaining([...lines]));
    expect(stderr === "").toBe(expected === 0);
  });

  it("reads no file for duplicates with --ci, nor where they are not wanted", async () => {
    for (const option of ["--ci", "--no-duplicates"]) {
      const { calls } = await runCommand(["waste", option, "nginx"]);
      expect(calls[0]).toMatchObject(["waste", "nginx", { duplicates: false }]);
    }
  });

  it("checks nothing without --ci", async () => {
    expect((await waste("--lowestEfficiency", "1", "nginx")).status).toBe(0);
  });

  it("gives the rules in JSON too", async () => {
    const { stdout } = await waste("--ci", "--format", "json", "nginx");
    expect(JSON.parse(stdout)).toMatchObject({
      efficiency: 0.75,
      rules: [{ rule: "lowestEfficiency", status: "fail", found: 0.75, threshold: 0.9 }, { status: "skip" }, {}],
    });
  });

  it.each([
    ["--lowestEfficiency", "1.1"],
    ["--lowestEfficiency", "-0.1"],
    ["--highestWastedBytes", "not_a_size"],
    ["--highestUserWastedPercent", "not_a_number"],
  ])("refuses %s %s, as dive does", async (option, value) => {
    const { status, opened } = await waste("--ci", option, value, "nginx");
    expect({ status, opened }).toEqual({ status: 2, opened: [] });
  });
});
