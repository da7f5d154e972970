import { type StdioOptions, spawn } from "node:child_process";
import { openSync, readFileSync } from "node:fs";
import { openDirectory } from "../src/sys/at.ts";
import { close, syncfsAsync } from "../src/sys/file.ts";
import { endedChildrenTime, treeBytes, treeTime, writtenBytes } from "./process-tree.ts";
import type { Sample } from "./statistics.ts";

export interface MeasuredCommand {
  readonly words: readonly string[];
  /** A directory on the file system that the command writes to. */
  readonly store: string;
  /** The daemon that does the work, if there is one. */
  readonly daemon: number | null;
  /** Where its standard error goes, behind what is there. */
  readonly log: string;
  /** The file that its standard output goes to. Default: /dev/null. */
  readonly output?: string;
  /** Beside this process's environment. */
  readonly env?: Readonly<Record<string, string>>;
}

const SAMPLING_MS = 20;
const TIMEOUT_MS = 15 * 60 * 1000;

/** Runs a command, and syncs what it wrote within the measured time. Fails unless it ends with status 0. */
export async function measure(command: MeasuredCommand): Promise<Sample> {
  const { words, store, daemon, log, output = "/dev/null", env } = command;
  const directory = openDirectory(store);
  const stderr = openSync(log, "a");
  const stdout = openSync(output, "w");
  const daemons = daemon === null ? [] : [daemon];
  const before = costUntilNow(daemons);
  let peakBytes = 0;
  const start = performance.now();
  const [program = "", ...rest] = words;
  const stdio: StdioOptions = ["ignore", stdout, stderr];
  const child = spawn(program, rest, { stdio, timeout: TIMEOUT_MS, env: { ...process.env, ...env } });
  const look = (): void => {
    peakBytes = Math.max(peakBytes, treeBytes([...daemons, ...(child.pid === undefined ? [] : [child.pid])]));
  };
  const sampling = setInterval(look, SAMPLING_MS);
  try {
    const status = await new Promise<number | string | null>((resolve, reject) => {
      child.on("error", reject);
      child.on("exit", (code, signal) => resolve(code ?? signal));
    });
    await syncfsAsync(directory);
    const seconds = (performance.now() - start) / 1000;
    if (status !== 0) throw new Error(`it ended with ${status}: ${lastLine(log)}`);
    const after = costUntilNow(daemons);
    return {
      seconds,
      userSeconds: after.userSeconds - before.userSeconds,
      systemSeconds: after.systemSeconds - before.systemSeconds,
      writtenBytes: after.writtenBytes - before.writtenBytes,
      peakBytes,
    };
  } finally {
    clearInterval(sampling);
    close(stdout);
    close(stderr);
    close(directory);
  }
}

function lastLine(file: string): string {
  return readFileSync(file, "utf8").trimEnd().split("\n").at(-1) ?? "";
}

/** Of this process's ended descendants and the daemons. */
function costUntilNow(daemons: readonly number[]): Omit<Sample, "seconds" | "peakBytes"> {
  const [ended, running] = [endedChildrenTime(), treeTime(daemons)];
  return {
    userSeconds: ended.user + running.user,
    systemSeconds: ended.system + running.system,
    writtenBytes: writtenBytes(["self", ...daemons]),
  };
}
