import { readdirSync } from "node:fs";
import { join } from "node:path";
import { type BenchFileSystem, benchFileSystem, FILE_SYSTEM } from "./file-system.ts";
import { fromEmptyStore } from "./from-empty-store.ts";
import { fromLoadedStore } from "./from-loaded-store.ts";
import { machineFacts } from "./machine.ts";
import type { Images, Program } from "./program.ts";
import { allPrograms, obstacle } from "./programs.ts";
import { FORMS_OF, type Form, type Missing, type Operation, type Results, type TaskSample } from "./results.ts";
import type { Sample } from "./statistics.ts";

export interface BenchmarkOptions {
  /** Directory of images; see `Images`. */
  readonly directory: string;
  /** Their names; empty for those that the benchmark is made for. */
  readonly images: readonly string[];
  readonly runs: number;
  /** Names of the programs that are measured; empty for all. */
  readonly only: readonly string[];
  /** The words that start layerfs. */
  readonly layerfs: readonly string[];
  /** The module that programs import to use layerfs. */
  readonly library: string;
  readonly gibibytes: number;
  readonly log: (line: string) => void;
}

/** A program with a form of input or output that it can do the operation with. */
export interface Contender {
  readonly program: Program;
  readonly form: Form;
}

/** All runs of one operation on one image. */
export interface Course {
  readonly operation: Operation;
  readonly image: string;
  readonly runs: number;
  readonly images: Images;
  readonly fileSystem: BenchFileSystem;
  /** Those that have not failed yet. */
  contenders(): readonly Contender[];
  /** Notes what one run of a contender cost. Where it fails, its reason is noted and it takes part no more. */
  attempt(contender: Contender, run: number, sample: () => Promise<Sample>): Promise<void>;
}

/** Programs take turns, so that what changes on the machine meanwhile strikes all of them. */
export async function benchmark(operation: Operation, options: BenchmarkOptions): Promise<Results> {
  const { directory, runs, log } = options;
  const all = contendersOf(operation, options);
  const missing: Missing[] = [];
  const samples: TaskSample[] = [];
  const drop = (contender: Contender, reason: string): void => {
    all.delete(contender);
    missing.push({ peer: contender.program.name, form: contender.form, reason });
  };
  for (const contender of [...all]) {
    const reason = obstacle(operation, contender.program);
    if (reason !== null) drop(contender, reason);
  }
  const versions = Object.fromEntries([...all].map(({ program }) => [program.name, program.version()]));
  using fileSystem = benchFileSystem(options.gibibytes);
  for (const image of options.images.length > 0 ? options.images : readdirSync(join(directory, "oci")).sort()) {
    const attempt: Course["attempt"] = async (contender, run, sample) => {
      const { program, form } = contender;
      try {
        const cost = await sample();
        samples.push({ peer: program.name, form, image, ...cost });
        log(`${image} ${run}/${runs} ${program.name} (${form}): ${cost.seconds.toFixed(2)} s`);
      } catch (error) {
        drop(contender, `${image} failed: ${(error as Error).message}`);
      }
    };
    const images: Images = { directory, work: fileSystem.work };
    await runsOf(operation)({ operation, image, runs, images, fileSystem, contenders: () => [...all], attempt });
  }
  return { operation, date: new Date().toISOString(), machine: machineFacts(FILE_SYSTEM), versions, missing, samples };
}

function runsOf(operation: Operation): (course: Course) => Promise<void> {
  return operation === "load" || operation === "pull" ? fromEmptyStore : fromLoadedStore;
}

function contendersOf(operation: Operation, { only, layerfs }: BenchmarkOptions): Set<Contender> {
  const programs = allPrograms(layerfs).filter(({ name }) => only.length === 0 || only.includes(name));
  return new Set(
    FORMS_OF[operation].flatMap((form) =>
      programs.filter((program) => program.can(operation, form)).map((program) => ({ program, form })),
    ),
  );
}
