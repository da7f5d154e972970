import { mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expectedImage } from "../../test/images/oracles.ts";
import type { TreeRow } from "../../test/support/dump-tree.ts";
import { measure } from "../measure.ts";
import { readIntoMemory } from "../page-cache.ts";
import { withoutPrograms } from "../programs.ts";
import type { LookCourse } from "./course.ts";
import type { Lister, RunningLister } from "./lister.ts";
import type { ListingSample } from "./results.ts";
import { wrongAnswers } from "./wrong-answers.ts";

/** The program that says what each image is. */
const ORACLE = "umoci";

export async function measureListings(
  names: readonly string[],
  listers: readonly Lister[],
  course: LookCourse,
): Promise<ListingSample[]> {
  const { notMeasured } = course;
  const reasons = new Map(listers.map((lister) => [lister, withoutPrograms([...lister.needs, ORACLE])]));
  for (const [{ peer, form }, reason] of reasons) {
    if (reason !== null) notMeasured(`${peer} (${form})`, reason);
  }
  const able = listers.filter((lister) => reasons.get(lister) === null);
  const samples: ListingSample[] = [];
  if (able.length > 0) for (const image of names) samples.push(...(await listImage(image, able, course)));
  return samples;
}

/** An image, what it must be, and what has been measured of it. */
interface ImageCourse extends LookCourse {
  readonly image: string;
  readonly expected: readonly TreeRow[];
}

/** The stores of all peers lie side by side on one file system. Peers take turns; one that fails takes part no more. */
async function listImage(image: string, listers: readonly Lister[], course: LookCourse): Promise<ListingSample[]> {
  const { options, images, fileSystem, notMeasured } = course;
  const { rows: expected } = expectedImage(images.directory, image, fileSystem.fresh());
  const root = fileSystem.fresh();
  const running = new Map<Lister, RunningLister>();
  const samples: ListingSample[] = [];
  const attempt = async (lister: Lister, act: () => Promise<void>): Promise<void> => {
    try {
      await act();
    } catch (error) {
      await running.get(lister)?.stop();
      running.delete(lister);
      notMeasured(`${lister.peer} (${image}, ${lister.form})`, (error as Error).message);
    }
  };
  try {
    for (const lister of listers) {
      const store = storeOf(lister, root);
      mkdirSync(store);
      await attempt(lister, async () => void running.set(lister, await lister.start(store, image, images)));
    }
    await readIntoMemory(join(images.directory, "oci", image));
    await readIntoMemory(join(images.directory, "docker", `${image}.tar`));
    for (let run = 1; run <= options.runs; run++) {
      for (const [lister, own] of [...running]) {
        await attempt(lister, async () => {
          const store = storeOf(lister, root);
          samples.push(await sampleOf(lister, own, { run, store }, { ...course, image, expected }));
        });
      }
    }
  } finally {
    for (const { stop } of running.values()) await stop();
  }
  return samples;
}

async function sampleOf(
  { peer, form, judgement }: Lister,
  own: RunningLister,
  { run, store }: { readonly run: number; readonly store: string },
  { image, expected, images, output, options }: ImageCourse,
): Promise<ListingSample> {
  own.prepare?.();
  const { daemon, env } = own;
  const log = join(images.work, `${peer}.log`);
  const cost = await measure({ words: own.command(run), store, daemon, log, output, ...(env && { env }) });
  const wrong = wrongAnswers(expected, own.parse(readFileSync(output)), judgement);
  options.log(`list ${image} ${run}/${options.runs} ${peer} (${form}): ${cost.seconds.toFixed(2)} s`);
  return { image, form, peer, wrong, ...cost };
}

function storeOf({ peer, form }: Lister, root: string): string {
  return join(root, `${peer}-${form.replace(" ", "-")}`);
}
