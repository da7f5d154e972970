import { execFileSync, spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { runTour } from "../../scripts/tour/run.ts";
import { tourSteps } from "../../scripts/tour/steps.ts";
import { mounting, root } from "../support/requires.ts";
import { checkout } from "../support/tree.ts";

const minutes = 60_000;
let directory = "";
let launcher = "";

beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), "layerfs-package-"));
  const project = join(directory, "project");
  mkdirSync(project);
  npm(checkout, "pack", "--pack-destination", directory);
  const [tarball = ""] = readdirSync(directory).filter((name) => name.endsWith(".tgz"));
  writeFileSync(join(project, "package.json"), '{ "private": true, "allowScripts": { "koffi": false } }\n');
  npm(project, "install", "--prefer-offline", "--no-audit", "--no-fund", join(directory, tarball));
  launcher = join(project, "node_modules/.bin/layerfs");
}, 5 * minutes);
afterAll(() => rmSync(directory, { recursive: true, force: true }));

/** npm as the user's: without what `npm test` tells its scripts. */
function npm(cwd: string, ...words: readonly string[]): void {
  const env = Object.fromEntries(Object.entries(process.env).filter(([name]) => !/^npm_/i.test(name)));
  execFileSync("npm", ["--loglevel=error", ...words], { cwd, env, stdio: ["ignore", "ignore", "inherit"] });
}

interface Outcome {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

function layerfs(words: readonly string[], environment: Record<string, string>): Outcome {
  const { LAYERFS_NODE: _, ...inherited } = process.env;
  return spawnSync(launcher, words, { cwd: "/", encoding: "utf8", env: { ...inherited, ...environment } });
}

describe("the package, installed in an empty directory", () => {
  it("holds the launcher, the compiled library, its types and the licence, but no sources or tests", () => {
    const home = join(directory, "project/node_modules/layerfs");
    expect(readdirSync(home).sort()).toEqual(["LICENSE", "README.md", "bin", "dist", "package.json"]);
    const files = readdirSync(join(home, "dist"), { recursive: true, encoding: "utf8" });
    expect(files).toEqual(expect.arrayContaining(["index.js", "index.d.ts", "cli/main.js"]));
    expect(files.filter((name) => /\.test\.|(?<!\.d)\.ts$/.test(name))).toEqual([]);
  });

  it.each([
    ["LAYERFS_NODE", { LAYERFS_NODE: process.execPath }],
    ["the Node.js on PATH", { PATH: `${dirname(process.execPath)}:/usr/bin:/bin` }],
  ])("runs by %s", (_, environment) => {
    const { status, stdout, stderr } = layerfs(["version"], environment);
    expect(stderr).toBe("");
    expect(stdout).toMatch(/\d+\.\d+\.\d+/);
    expect(status).toBe(0);
  });

  it("says that Node.js is too old rather than failing in it", (context) => {
    const version = (spawnSync("/usr/bin/node", ["--version"], { encoding: "utf8" }).stdout ?? "").replace("v", "");
    const [major = 0] = version.split(".").map(Number);
    if (major === 0 || major >= 22) context.skip("there is no Node.js older than 22 in /usr/bin");
    const { status, stderr } = layerfs(["version"], { LAYERFS_NODE: "/usr/bin/node" });
    expect(stderr).toContain("22.18");
    expect(stderr).toContain(version.trim());
    expect(stderr).not.toContain("    at ");
    expect(status).toBe(1);
  });

  it("can be imported as a library", () => {
    const script = 'import * as layerfs from "layerfs"; process.stdout.write(Object.keys(layerfs).join());';
    const words = ["--input-type=module", "--eval", script];
    const { stdout } = spawnSync(process.execPath, words, { cwd: join(directory, "project"), encoding: "utf8" });
    expect(stdout.split(",")).toContain("openEngine");
  });

  it("does the tour", { timeout: 2 * minutes }, () => {
    const tour = join(directory, "tour");
    mkdirSync(tour);
    const steps = tourSteps({
      directory: tour,
      sample: join(checkout, "sample/layerfs-sample.tar"),
      noMounts: root() === null ? mounting() : "a mount needs root",
      isRoot: root() === null,
      runsPrograms: process.arch === "x64",
    });
    let output = "";
    const environment = { LAYERFS_NODE: process.execPath };
    const place = { program: launcher, typed: "npx layerfs", cwd: join(directory, "project"), environment };
    const done = runTour(steps, place, (text) => {
      output += text;
    });
    expect(done, output).toBe(true);
  });
});
