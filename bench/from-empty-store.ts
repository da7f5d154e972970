import { existsSync } from "node:fs";
import { join } from "node:path";
import type { Contender, Course } from "./benchmark.ts";
import { command } from "./file-system.ts";
import { measure } from "./measure.ts";
import { readIntoMemory } from "./page-cache.ts";
import type { Images } from "./program.ts";
import { type Registry, startRegistry } from "./registry.ts";
import type { Form } from "./results.ts";
import type { Sample } from "./statistics.ts";

/** `load` and `pull`: each run begins with an empty store, on a file system made anew. */
export async function fromEmptyStore(course: Course): Promise<void> {
  await using registry = course.operation === "pull" ? await filledRegistry(course) : null;
  for (let run = 1; run <= course.runs; run++) {
    for (const contender of course.contenders()) {
      const input = registry === null ? inputPath(course.image, contender.form, course.images) : null;
      if (input !== null && !existsSync(input)) continue;
      await course.attempt(contender, run, () => sampleOf(contender, course, input, registry));
    }
  }
}

async function sampleOf(
  { program, form }: Contender,
  { operation, image, images, fileSystem }: Course,
  input: string | null,
  registry: Registry | null,
): Promise<Sample> {
  const store = fileSystem.fresh();
  const running = await program.start(store, images);
  try {
    const words = running.command({ operation, form, image, ...(registry && { registry: registry.address }) });
    if (input !== null) await readIntoMemory(input);
    return await measure({ words, store, daemon: running.daemon, log: join(images.work, `${program.name}.log`) });
  } finally {
    await running.stop();
  }
}

/** With the image as gzipped layers and Docker's kind of manifest, put there from its layout. */
async function filledRegistry({ image, images }: Course): Promise<Registry> {
  const registry = await startRegistry(images.work);
  const from = `oci:${inputPath(image, "OCI layout", images)}:latest`;
  const to = `docker://${registry.address}/lab/${image}:1`;
  command("skopeo", "copy", "-q", "--dest-tls-verify=false", "--format", "v2s2", from, to);
  return registry;
}

export function inputPath(image: string, form: Form, { directory }: Images): string {
  return form === "OCI layout" ? join(directory, "oci", image) : join(directory, "docker", `${image}.tar`);
}
