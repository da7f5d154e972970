import { readdirSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { runCommand } from "../../test/support/command-line.ts";

/** Each has a file of its own. */
const verbs = readdirSync(join(import.meta.dirname, "commands")).flatMap(
  (name) => /^([a-z-]+)\.ts$/.exec(name)?.[1] ?? [],
);

describe("the help", () => {
  it("lists every command", async () => {
    const { status, stdout } = await runCommand(["--help"]);
    expect(status).toBe(0);
    expect([...stdout.matchAll(/^ {2}([a-z][a-z-]*) /gm)].map((match) => match[1]).sort()).toEqual(
      ["help", ...verbs].sort(),
    );
  });

  it.each(verbs)("of %s has a summary, the global options and one to three examples", async (name) => {
    const { status, stdout, stderr } = await runCommand([name, "--help"]);
    expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
    expect(stdout).toMatch(new RegExp(`^Usage: layerfs ${name}\\b.*\n(.*\n)*?\n[A-Z]`));
    for (const option of [
      "--root",
      "--driver",
      "--storage-opt",
      "--quiet",
      "--no-progress",
      "--log-level",
      "--format",
    ]) {
      expect(stdout).toContain(option);
    }
    const examples = examplesIn(stdout);
    expect(examples.length).toBeGreaterThanOrEqual(1);
    expect(examples.length).toBeLessThanOrEqual(3);
    expect((await runCommand(["help", name])).stdout).toBe(stdout);
  });

  it.each(verbs)("of %s has examples that work as they stand", async (name) => {
    const { stdout } = await runCommand([name, "--help"]);
    const commandLines = examplesIn(stdout).map(commandLine);
    expect(commandLines.length).toBeGreaterThan(0);
    for (const argv of commandLines) {
      expect(argv[0]).toBe(name);
      const { status, stderr } = await runCommand(argv);
      expect({ argv, status, stderr }).toEqual({ argv, status: 0, stderr: "" });
    }
  });
});

function examplesIn(help: string): string[] {
  return [...help.matchAll(/^ {2}\$ (.+)$/gm)].map((match) => match[1]!);
}

/** The arguments of `layerfs` in a line of shell: quotes taken off; pipes, redirections and what is around it left out. */
function commandLine(example: string): string[] {
  const call = /\blayerfs ((?:'[^']*'|[^|<>)])*)/.exec(example.replace(/^docker .*\| /, ""))?.[1] ?? "";
  return [...call.matchAll(/'([^']*)'|(\S+)/g)].map((match) => match[1] ?? match[2]!);
}
