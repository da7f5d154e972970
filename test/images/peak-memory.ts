import { spawn } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";

export interface MeasuredRun {
  readonly status: number | null;
  readonly stderr: string;
  readonly seconds: number;
  /** Largest sum of VmRSS, in KiB, over the program and all its descendants at one moment. */
  readonly peakKiB: number;
}

const SAMPLE_EVERY_MS = 20;

/** Runs a program and samples the memory of its process tree until it ends. */
export function measureRun(words: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<MeasuredRun> {
  const [program = "", ...rest] = words;
  const started = performance.now();
  const child = spawn(program, rest, { stdio: ["ignore", "ignore", "pipe"], env: { ...process.env, ...env } });
  let stderr = "";
  let peakKiB = 0;
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    stderr += text;
  });
  const timer = setInterval(() => {
    if (child.pid !== undefined) peakKiB = Math.max(peakKiB, treeKiB(child.pid));
  }, SAMPLE_EVERY_MS);
  return new Promise((resolve, reject) => {
    child.on("error", reject);
    child.on("close", (status) => {
      clearInterval(timer);
      resolve({ status, stderr, seconds: (performance.now() - started) / 1000, peakKiB });
    });
  });
}

function treeKiB(pid: number): number {
  try {
    const own = Number(/^VmRSS:\s*(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1] ?? 0);
    return childrenOf(pid).reduce((sum, child) => sum + treeKiB(child), own);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === "ENOENT" || code === "ESRCH") return 0;
    throw error;
  }
}

function childrenOf(pid: number): number[] {
  const threads = readdirSync(`/proc/${pid}/task`);
  return threads.flatMap((thread) =>
    readFileSync(`/proc/${pid}/task/${thread}/children`, "utf8").split(" ").filter(Boolean).map(Number),
  );
}
