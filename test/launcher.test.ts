import { spawnSync } from "node:child_process";
import { chmodSync, copyFileSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { checkout } from "./support/tree.ts";

let directory = "";

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "layerfs-launcher-"));
});
afterEach(() => rmSync(directory, { recursive: true }));

/** A package with the real launcher and files that only have to be there, for a Node.js that is a shell script. */
function makePackage(home: string, ...files: readonly string[]): string {
  for (const file of ["bin/layerfs", ...files]) mkdirSync(dirname(join(directory, home, file)), { recursive: true });
  copyFileSync(join(checkout, "bin/layerfs"), join(directory, home, "bin/layerfs"));
  for (const file of files) writeFileSync(join(directory, home, file), "");
  return join(directory, home);
}

/** A program that says its name and its arguments, or for `--version` the version. */
function makeNode(path: string, version: string): string {
  const file = join(directory, path);
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, `#!/bin/sh\n[ "$1" = --version ] && echo ${version} || echo "${path}" "$@"\n`);
  chmodSync(file, 0o755);
  return file;
}

interface Outcome {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** PATH has the directory `bin` of this test only, so that no Node.js of the machine is found. */
function start(program: string, options: { env?: Record<string, string>; cwd?: string } = {}): Outcome {
  const env = { PATH: `${directory}/bin`, ...options.env };
  const words = ["version", "a b"];
  return spawnSync(program, words, { encoding: "utf8", env, cwd: options.cwd ?? "/" });
}

/** The programs of the system that the launcher calls, so that PATH needs nothing else. */
function linkSystemPrograms(): void {
  mkdirSync(join(directory, "bin"), { recursive: true });
  symlinkSync("/usr/bin/readlink", join(directory, "bin/readlink"));
}

describe("the launcher in a checkout", () => {
  it("runs src/cli/main.ts by the Node.js beside it", () => {
    const home = makePackage("checkout", "src/cli/main.ts");
    makeNode("checkout/node_modules/.bin/node", "v24.0.0");
    makeNode("bin/node", "v20.0.0");
    expect(start(`${home}/bin/layerfs`).stdout).toBe(
      `checkout/node_modules/.bin/node ${flags} ${home}/src/cli/main.ts version a b\n`,
    );
  });

  it("finds itself through a symlink and from any directory", () => {
    const home = makePackage("checkout", "src/cli/main.ts");
    makeNode("checkout/node_modules/.bin/node", "v24.0.0");
    linkSystemPrograms();
    symlinkSync("checkout/bin", join(directory, "linked"));
    symlinkSync("linked/layerfs", join(directory, "link"));
    for (const [program, cwd] of [
      [`${directory}/link`, "/"],
      ["./link", directory],
      ["linked/layerfs", directory],
    ] as const) {
      expect(start(program, { cwd }).stdout).toContain(` ${home}/src/cli/main.ts version`);
    }
  });

  it("takes a recent Node.js from PATH where there is none beside it", () => {
    makePackage("checkout", "src/cli/main.ts", "node_modules/some/package.json");
    makeNode("bin/node", "v22.18.0");
    expect(start(`${directory}/checkout/bin/layerfs`).stdout).toMatch(/^bin\/node --\S+ \S+main\.ts version a b\n$/);
  });

  it.each(["v20.20.2", "v22.17.1", "v18.0.0"])("says what to do where PATH has Node.js %s only", (version) => {
    const home = makePackage("checkout", "src/cli/main.ts", "node_modules/some/package.json");
    makeNode("bin/node", version);
    const { status, stderr } = start(`${home}/bin/layerfs`);
    expect(stderr).toBe(
      `layerfs: node on PATH is ${version}, expected 22.18 or later; run \`npm ci\` in ${home}, which brings one\n`,
    );
    expect(status).toBe(1);
  });

  it("says what to do where nothing is installed", () => {
    const home = makePackage("checkout", "src/cli/main.ts");
    const { status, stderr } = start(`${home}/bin/layerfs`);
    expect(stderr).toBe(`layerfs: its dependencies are missing; run \`npm ci\` in ${home}\n`);
    expect(status).toBe(1);
  });
});

const flags = "--max-semi-space-size=4";

describe("the launcher in an installed package", () => {
  it("prefers LAYERFS_NODE, then the node of the surrounding node_modules, then the one on PATH", () => {
    const home = makePackage("node_modules/layerfs", "dist/cli/main.js");
    const chosen = makeNode("chosen/node", "v24.0.0");
    makeNode("bin/node", "v24.0.0");
    const program = `${home}/bin/layerfs`;
    const words = `${flags} ${home}/dist/cli/main.js version a b\n`;
    expect(start(program).stdout).toBe(`bin/node ${words}`);
    makeNode("node_modules/.bin/node", "v24.0.0");
    expect(start(program).stdout).toBe(`node_modules/.bin/node ${words}`);
    expect(start(program, { env: { LAYERFS_NODE: chosen } }).stdout).toBe(`chosen/node ${words}`);
  });

  it.each([
    ["there is no Node.js", {}, /there is no node on PATH; install Node\.js 22\.18 or later/],
    ["LAYERFS_NODE is nothing", { LAYERFS_NODE: "/nowhere" }, /LAYERFS_NODE is \/nowhere, which is no program/],
  ])("says so where %s", (_, env, message) => {
    const home = makePackage("node_modules/layerfs", "dist/cli/main.js");
    const { status, stderr } = start(`${home}/bin/layerfs`, { env });
    expect(stderr).toMatch(message);
    expect(status).toBe(1);
  });
});
