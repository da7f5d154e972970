import { type ChildProcess, spawn } from "node:child_process";
import { join } from "node:path";
import { checkout } from "./tree.ts";

export interface Ending {
  readonly status: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** The command as a process of its own, without a shell between, so that a signal meets it and nobody else. */
export interface LayerfsProcess {
  readonly process: ChildProcess;
  readonly ended: Promise<Ending>;
}

/**
 * `input` goes to standard input, which otherwise is empty; "open": nothing comes, and it does not end. `env` is beside
 * this process's own.
 */
export function startLayerfs(
  words: readonly string[],
  input?: Buffer | "open",
  env: Readonly<Record<string, string>> = {},
): LayerfsProcess {
  return startNode([join(checkout, "src/cli/main.ts"), ...words], input, env);
}

export function startNode(
  words: readonly string[],
  input?: Buffer | "open",
  env: Readonly<Record<string, string>> = {},
): LayerfsProcess {
  return startProcess(process.execPath, words, env, input);
}

export function startProcess(
  program: string,
  words: readonly string[],
  env: Readonly<Record<string, string>>,
  input?: Buffer | "open",
): LayerfsProcess {
  const process_ = spawn(program, words, { stdio: ["pipe", "pipe", "pipe"], env: { ...process.env, ...env } });
  const output = { stdout: "", stderr: "" };
  for (const name of ["stdout", "stderr"] as const) {
    process_[name].setEncoding("utf8").on("data", (text: string) => {
      output[name] += text;
    });
  }
  // A process that is killed closes its end.
  process_.stdin.on("error", () => {});
  if (input !== "open") process_.stdin.end(input);
  const ended = new Promise<Ending>((resolve, reject) => {
    process_.on("error", reject);
    process_.on("close", (status, signal) => resolve({ status, signal, ...output }));
  });
  return { process: process_, ended };
}
