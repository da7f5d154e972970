import { spawnSync } from "node:child_process";
import type { TourStep } from "./steps.ts";

export interface Launcher {
  /** The program that `layerfs` stands for in the steps. */
  readonly program: string;
  /** How a user types it, where that is shorter. */
  readonly typed: string;
  readonly cwd: string;
  readonly environment?: Readonly<Record<string, string>>;
}

/**
 * Does the steps in order, each with its title, its command and the command's real output given to `print`; stops at
 * the first that fails or does not show what it must. True when all went well.
 */
export function runTour(steps: readonly TourStep[], launcher: Launcher, print: (text: string) => void): boolean {
  for (const [index, step] of steps.entries()) {
    const [name = "", ...rest] = step.words;
    print(`${index === 0 ? "" : "\n"}# ${step.title}\n`);
    print(`$ ${[name === "layerfs" ? launcher.typed : name, ...rest].map(quote).join(" ")}\n`);
    const program = name === "layerfs" ? launcher.program : name;
    const env = { ...process.env, COLUMNS: "100", ...launcher.environment };
    const result = spawnSync(program, rest, { cwd: launcher.cwd, encoding: "utf8", env });
    const output = `${result.stdout ?? ""}${result.stderr ?? ""}`;
    print(output);
    const wrong = whatIsWrong(step, result.status, result.error, output);
    if (wrong === null) continue;
    print(`\nThe tour failed: ${wrong}\n`);
    return false;
  }
  return true;
}

function whatIsWrong(step: TourStep, status: number | null, error: Error | undefined, output: string): string | null {
  if (error !== undefined) return error.message;
  if (status !== 0) return `exit status ${status}, expected 0`;
  return output.includes(step.expected) ? null : `the output does not have: ${step.expected}`;
}

function quote(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
}
