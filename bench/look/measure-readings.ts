import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { measure } from "../measure.ts";
import { withoutPrograms } from "../programs.ts";
import type { LookCourse } from "./course.ts";
import type { Reading } from "./reading.ts";
import { readingsOf } from "./readings.ts";
import type { ReadingSample } from "./results.ts";

/** Readings take turns. One that fails takes part no more. */
export async function measureReadings(names: readonly string[], course: LookCourse): Promise<ReadingSample[]> {
  const { options, images, fileSystem, notMeasured } = course;
  const store = join(fileSystem.fresh(), "caches");
  mkdirSync(store);
  const readings = new Set(await readingsOf(names, { ...images, layerfs: options.layerfs, store }));
  const samples: ReadingSample[] = [];
  const drop = (reading: Reading, reason: string): void => {
    readings.delete(reading);
    notMeasured(`${reading.command} (${reading.task})`, reason);
  };
  for (const reading of [...readings]) {
    const reason = withoutPrograms(reading.needs ?? []);
    if (reason !== null) drop(reading, reason);
  }
  for (let run = 1; run <= options.runs; run++) {
    for (const reading of [...readings]) {
      try {
        samples.push(await sampleOf(reading, store, course));
        const seconds = samples.at(-1)?.seconds.toFixed(2);
        options.log(`${reading.task} ${run}/${options.runs} ${reading.command}: ${seconds} s`);
      } catch (error) {
        drop(reading, (error as Error).message);
      }
    }
  }
  return samples;
}

async function sampleOf(reading: Reading, store: string, { images }: LookCourse): Promise<ReadingSample> {
  const { task, command, isReference, words, env } = reading;
  await reading.prepare?.();
  const log = join(images.work, "readings.log");
  const cost = await measure({ words, store, daemon: null, log, ...(env && { env }) });
  return { task, command, isReference, ...cost };
}
