import { spawn } from "node:child_process";
import { openSync } from "node:fs";
import { openDirectory } from "../src/sys/at.ts";
import { close, syncfsAsync } from "../src/sys/file.ts";
import { endedChildrenTime, treeBytes, treeTime } from "./process-tree.ts";
import type { Sample } from "./statistics.ts";

export interface MeasuredCommand {
  readonly words: readonly string[];
  /** A directory on the file system that the command writes to. */
  readonly store: string;
  /** The daemon that does the work, if there is one. */
  readonly daemon: number | null;
  /** Where its standard error goes. */
  readonly log: string;
}

const SAMPLING_MS = 20;
const TIMEOUT_MS = 15 * 60 * 1000;

/** Runs a command, and syncs what it wrote within the measured time. Fails unless it ends with status 0. */
export async function measure({ words, store, daemon, log }: MeasuredCommand): Promise<Sample> {
  const directory = openDirectory(store);
  const stderr = openSync(log, "a");
  const daemons = daemon === null ? [] : [daemon];
  const before = { ended: endedChildrenTime(), daemon: treeTime(daemons) };
  let peakBytes = 0;
  const start = performance.now();
  const [program = "", ...rest] = words;
  const child = spawn(program, rest, { stdio: ["ignore", "ignore", stderr], timeout: TIMEOUT_MS });
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
    if (status !== 0) throw new Error(`${words.join(" ")} ended with ${status}; its errors are in ${log}`);
    const after = { ended: endedChildrenTime(), daemon: treeTime(daemons) };
    return {
      seconds,
      userSeconds: after.ended.user - before.ended.user + after.daemon.user - before.daemon.user,
      systemSeconds: after.ended.system - before.ended.system + after.daemon.system - before.daemon.system,
      peakBytes,
    };
  } finally {
    clearInterval(sampling);
    close(stderr);
    close(directory);
  }
}
