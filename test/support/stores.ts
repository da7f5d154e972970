import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { onTestFinished } from "vitest";
import type { Engine, LoadedImage } from "../../src/engine/engine.ts";
import { openEngine } from "../../src/engine/open-engine.ts";
import { dockerArchive, type TestImage } from "./image-builder.ts";
import { scratchDirectory } from "./scratch.ts";

/** An engine on an empty root of its own; both are gone when the running test ends. */
export async function testEngine(driver: "overlay2" | "vfs", options: { maxLayerSize?: number } = {}): Promise<Engine> {
  const root = join(scratchDirectory(), "root");
  const engine = await openEngine({ root, driver, ...options });
  onTestFinished(() => engine[Symbol.asyncDispose]());
  return engine;
}

/** An engine on a root that others use before and after; without a driver as it is chosen there. */
export async function withEngine<T>(
  root: string,
  driver: string | undefined,
  use: (engine: Engine) => Promise<T>,
): Promise<T> {
  await using engine = await openEngine({ root, driver });
  return await use(engine);
}

/** Loads images as one archive. */
export function loadImages(engine: Engine, images: readonly TestImage[]): Promise<LoadedImage[]> {
  const file = join(scratchDirectory(), "images.tar");
  writeFileSync(file, dockerArchive(images));
  return engine.load({ file });
}
