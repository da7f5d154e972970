import { printable } from "../core/errors.ts";
import type { Warning } from "../layer/apply/warnings.ts";
import type { OutputStream } from "./context.ts";

/** From the fewest messages to the most. */
export const LOG_LEVELS = ["error", "warn", "info", "debug"] as const;

export type LogLevel = (typeof LOG_LEVELS)[number];

export interface Log {
  readonly warn: (message: string) => void;
  readonly info: (message: string) => void;
  readonly debug: (message: string) => void;
}

/** Messages of `level` and graver ones go to `stream`, a line each: as text, or as JSON objects with `level` and `message`. */
export function createLog(stream: OutputStream, level: LogLevel, json: boolean): Log {
  const shown = LOG_LEVELS.indexOf(level);
  const write = (of: LogLevel, prefix: string) => (message: string) => {
    if (LOG_LEVELS.indexOf(of) > shown) return;
    stream.write(json ? `${JSON.stringify({ level: of, message })}\n` : `layerfs: ${prefix}${printable(message)}\n`);
  };
  return { warn: write("warn", "warning: "), info: write("info", ""), debug: write("debug", "debug: ") };
}

/** `object` is what the warnings are about, such as a layer's digest. */
export function logWarnings(log: Log, object: string, warnings: readonly Warning[]): void {
  for (const { what, example, count } of warnings) {
    log.warn(`${object}: ${what}: ${count === 1 ? example : `${count} times, such as ${example}`}`);
  }
}
