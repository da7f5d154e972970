/**
 * `npm run tour`: the main job on a real image, step by step, by the command as a user runs it: load, list, show the
 * layers, mount (without root: read the merged tree from the layers), read a file, unmount, remove. `--readme` also
 * puts the output into README.md.
 */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { mounting, root } from "../test/support/machine.ts";
import { withTour } from "./tour/readme.ts";
import { runTour } from "./tour/run.ts";
import { tourSteps } from "./tour/steps.ts";

const checkout = join(import.meta.dirname, "..");
const directory = mkdtempSync(join(tmpdir(), "layerfs-tour-"));
const launcher = { program: join(checkout, "bin/layerfs"), typed: "bin/layerfs", cwd: checkout };
const steps = tourSteps({
  directory,
  sample: "sample/layerfs-sample.tar",
  noMounts: root() === null ? mounting() : "a mount needs root",
  isRoot: root() === null,
  runsPrograms: process.arch === "x64",
});

let output = "";
const done = runTour(steps, launcher, (text) => {
  output += text;
  process.stdout.write(text);
});
if (done && process.argv.includes("--readme")) {
  const readme = join(checkout, "README.md");
  writeFileSync(readme, withTour(readFileSync(readme, "utf8"), output));
}
process.exitCode = done ? 0 : 1;
removeUnlessMounted();

/** A failed step may have left a mount, below which nothing may be removed. */
function removeUnlessMounted(): void {
  if (!readFileSync("/proc/self/mountinfo", "utf8").includes(`${directory}/`)) {
    rmSync(directory, { recursive: true, force: true });
    return;
  }
  process.stdout.write(`There is still a mount below ${directory}, which therefore stays.\n`);
  process.exitCode = 1;
}
