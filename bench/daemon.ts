import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { closeSync, openSync } from "node:fs";

/** A daemon that answers. */
export interface Daemon {
  readonly pid: number | null;
  stop(): Promise<void>;
}

const READY_MS = 30_000;

/** Starts a daemon and waits until `probe` succeeds. Its output goes to the file `log`. */
export async function startDaemon(words: readonly string[], probe: readonly string[], log: string): Promise<Daemon> {
  const child = spawnDaemon(words, log);
  const daemon = { pid: child.pid ?? null, stop: () => stop(child) };
  const deadline = Date.now() + READY_MS;
  const [program = "", ...rest] = probe;
  while (spawnSync(program, rest, { stdio: "ignore" }).status !== 0) {
    if (child.exitCode !== null) throw new Error(`${child.spawnfile} ended with ${child.exitCode} as it started`);
    if (Date.now() > deadline) {
      await daemon.stop();
      throw new Error(`${child.spawnfile} did not answer within ${READY_MS / 1000} s`);
    }
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  return daemon;
}

function spawnDaemon([program = "", ...words]: readonly string[], log: string): ChildProcess {
  const output = openSync(log, "a");
  try {
    return spawn(program, words, { stdio: ["ignore", output, output] });
  } finally {
    closeSync(output); // it may lie in the store, which is unmounted
  }
}

async function stop(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = new Promise((resolve) => child.once("exit", resolve));
  child.kill("SIGTERM");
  await ended;
}
