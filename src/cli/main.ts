/**
 * The program `layerfs`. This file and what it imports by name must load on any Node.js that knows modules, so that an
 * old one is told what is missing instead of failing at its first unknown word.
 */
import module from "node:module";
import v8 from "node:v8";
import { compileCacheDirectory } from "./compile-cache.ts";
import { tooOldMessage } from "./node-version.ts";

const cache = compileCacheDirectory(process.env);
if (cache !== null) module.enableCompileCache?.(cache);

// V8 would let its nursery grow to 64 MB, and its heap to the double and more, before it collects garbage; with 2 MB and
// half as much again commands are as quick.
v8.setFlagsFromString("--semi-space-growth-factor=1");
v8.setFlagsFromString("--heap-growing-percent=50");

const problem = tooOldMessage(process.versions.node);
if (problem === null) {
  await start();
} else {
  process.stderr.write(problem);
  process.exitCode = 1;
}

async function start(): Promise<void> {
  const [{ run }, { interruptSignal }] = await Promise.all([import("./program.ts"), import("./interruption.ts")]);
  const status = await run(process.argv.slice(2), {
    openEngine: async (options) => (await import("../engine/open-engine.ts")).openEngine(options),
    stdin: process.stdin,
    stdout: process.stdout,
    stderr: process.stderr,
    env: process.env,
    signal: interruptSignal(),
    now: Date.now,
  });
  // What is left, such as a stdin that nobody reads to its end, must not keep the process; all output is written.
  process.exit(status);
}
