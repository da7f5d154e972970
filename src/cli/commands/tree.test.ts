import { describe, expect, it } from "vitest";
import { runCommand } from "../../../test/support/command-line.ts";

describe("layerfs tree", () => {
  it("draws the tree with sizes, layers and what these changed", async () => {
    const { status, stdout, calls } = await runCommand(["tree", "nginx"]);
    expect({ status, stdout }).toEqual({
      status: 0,
      stdout: [
        "SIZE  LAYER",
        " 72B      1  /",
        " 60B    C 2  ├── etc",
        "        D 2  │   ├── gone",
        " 60B    A 2  │   └── new\\x0a",
        " 12B      1  └── init",
        "",
      ].join("\n"),
    });
    expect(calls[0]).toMatchObject(["listChanges", "nginx", "/", { signal: expect.any(AbortSignal) }]);
  });

  it("hands on depth, layer and what is to be shown; layers are counted from 1", async () => {
    const words = ["tree", "-d", "2", "--layer", "3", "--deleted", "--changed", "--platform", "arm64", "oci:a", "/etc"];
    const { calls } = await runCommand(words);
    const options = { depth: 2, layer: 2, deleted: true, changedOnly: true, platform: "arm64" };
    expect(calls[0]).toMatchObject(["listChanges", "oci:a", "/etc", options]);
  });

  it.each([
    [["--color", "always"], [], true],
    [[], ["stdout"], true],
    [[], [], false],
    [["--color", "never"], ["stdout"], false],
  ] as const)("marks changes by colours with %j on the terminals %j: %s", async (words, terminals, expected) => {
    const { stdout } = await runCommand(["tree", ...words, "nginx"], { terminals });
    expect(stdout.includes("\x1b[33metc\x1b[0m")).toBe(expected);
  });

  it("has no colours where NO_COLOR is set", async () => {
    const { stdout } = await runCommand(["tree", "nginx"], { terminals: ["stdout"], env: { NO_COLOR: "1" } });
    expect(stdout).not.toContain("\x1b");
  });

  it.each([
    ["--depth", "x"],
    ["--layer", "0"],
  ])("refuses %s %s", async (option, value) => {
    const { status, opened } = await runCommand(["tree", option, value, "nginx"]);
    expect({ status, opened }).toEqual({ status: 2, opened: [] });
  });
});
