import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { onTestFinished } from "vitest";
import { type Engine, openEngine } from "../../src/index.ts";
import { dockerArchive, type TestImage } from "./image-builder.ts";
import { named, OciLayout } from "./oci-builder.ts";
import { scratchDirectory } from "./scratch.ts";
import { layerTar, type TestEntry } from "./tar-builder.ts";

/** An engine without a store. */
export async function reader(): Promise<Engine> {
  const engine = await openEngine({ root: "/proc/no-root", cacheDirectory: null });
  onTestFinished(() => engine[Symbol.asyncDispose]());
  return engine;
}

export function archiveOf(image: TestImage): string {
  const file = join(scratchDirectory(), "image.tar");
  writeFileSync(file, dockerArchive([image]));
  return `docker-archive:${file}`;
}

export function layoutOf(image: TestImage): string {
  const layout = new OciLayout();
  const stored = { ...image, stored: (layer: Buffer) => gzipSync(layer) };
  return `oci:${layout.entries(layout.image(stored, { descriptor: named("latest") })).write()}:latest`;
}

export function imageOf(...layers: readonly (readonly TestEntry[])[]): TestImage {
  return { tags: [], layers: layers.map(layerTar) };
}
