import type { BenchmarkOptions } from "../benchmark.ts";
import type { BenchFileSystem } from "../file-system.ts";
import type { Images } from "../program.ts";

/** What both halves of the benchmark are run with. */
export interface LookCourse {
  readonly options: Pick<BenchmarkOptions, "layerfs" | "runs" | "log">;
  readonly images: Images;
  readonly fileSystem: BenchFileSystem;
  /** The file that what is measured prints into. It lies in memory. */
  readonly output: string;
  notMeasured(what: string, reason: string): void;
}
