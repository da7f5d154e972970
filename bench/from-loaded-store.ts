import { mkdirSync } from "node:fs";
import { join } from "node:path";
import type { Contender, Course } from "./benchmark.ts";
import { command } from "./file-system.ts";
import { measure } from "./measure.ts";
import { loadImage, type RunningProgram } from "./program.ts";
import { startRegistry } from "./registry.ts";
import { FORMS_OF } from "./results.ts";
import type { Sample } from "./statistics.ts";

/** A program at work on a store that has the image. */
interface Loaded {
  readonly store: string;
  readonly running: RunningProgram;
}

/** `save` and `push`: the stores of all programs lie side by side on one file system, each with the image loaded once. */
export async function fromLoadedStore(course: Course): Promise<void> {
  const root = course.fileSystem.fresh();
  const loaded = new Map<Contender, Loaded>();
  try {
    for (const contender of course.contenders()) loaded.set(contender, await load(contender, course, root));
    for (let run = 1; run <= course.runs; run++) {
      for (const contender of course.contenders()) {
        const own = loaded.get(contender);
        if (own !== undefined) await course.attempt(contender, run, () => sampleOf(contender, own, course));
      }
    }
  } finally {
    for (const { running } of loaded.values()) await running.stop();
  }
}

async function load({ program }: Contender, { image, images }: Course, root: string): Promise<Loaded> {
  const store = join(root, program.name);
  mkdirSync(store);
  const running = await program.start(store, images);
  const form = FORMS_OF.load.find((form) => program.can("load", form)) ?? "docker-archive";
  loadImage(running, image, form);
  return { store, running };
}

async function sampleOf({ program, form }: Contender, own: Loaded, course: Course): Promise<Sample> {
  const { operation, image, images } = course;
  await using registry = operation === "push" ? await startRegistry(images.work) : null;
  const work = { operation, form, image, ...(registry && { registry: registry.address }) };
  const preparation = own.running.preparation?.(work) ?? null;
  if (preparation !== null) run(preparation);
  const words = own.running.command(work);
  const log = join(images.work, `${program.name}.log`);
  return await measure({ words, store: own.store, daemon: own.running.daemon, log });
}

function run([program = "", ...words]: readonly string[]): void {
  command(program, ...words);
}
