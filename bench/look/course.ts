import { findProgram } from "../../test/support/machine.ts";
import type { BenchmarkOptions } from "../benchmark.ts";
import type { BenchFileSystem } from "../file-system.ts";
import type { Images } from "../program.ts";

/** What both halves of the benchmark are run with. */
export interface LookCourse {
  readonly options: Pick<BenchmarkOptions, "layerfs" | "runs" | "log">;
  /** Their names. */
  readonly names: readonly string[];
  readonly images: Images;
  readonly fileSystem: BenchFileSystem;
  /** The file that what is measured prints into. It lies in memory. */
  readonly output: string;
  notMeasured(what: string, reason: string): void;
}

/** Null where all programs are there, else why it cannot be measured. */
export function withoutPrograms(needs: readonly string[]): string | null {
  const missing = needs.filter((program) => findProgram(program) === null);
  return missing.length === 0 ? null : `there is no ${missing.join(" and no ")} on PATH`;
}
