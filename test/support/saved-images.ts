import { join } from "node:path";
import type { Engine } from "../../src/engine/engine.ts";
import type { SaveOptions } from "../../src/engine/outgoing/save.ts";
import { buildConfig, type TestImage } from "./image-builder.ts";
import type { ArchivedImage } from "./saved-archive.ts";
import { scratchDirectory } from "./scratch.ts";
import { loadImages, testEngine } from "./stores.ts";
import { layerTar } from "./tar-builder.ts";

/** Images with two names, one and none, with a layer that three of them share, and without any layer. */
const shared = layerTar([
  { name: "etc/", type: "directory" },
  { name: "etc/motd", data: "hello\n".repeat(300) },
]);
export const one: TestImage = {
  tags: ["lab/one:1", "lab/one:2"],
  layers: [shared, layerTar([{ name: "one", data: "1" }])],
};
export const two: TestImage = { tags: ["two:latest"], layers: [shared, layerTar([{ name: "etc/.wh.motd" }])] };
export const nameless: TestImage = { tags: [], layers: [shared], config: { created: "2020-02-02T02:02:02.5Z" } };
export const empty: TestImage = { tags: ["empty:1"], layers: [] };
export const IMAGES: readonly TestImage[] = [one, two, nameless, empty];
/** As they are saved by. */
export const NAMES: readonly string[] = ["lab/one", "two", buildConfig(nameless).id, "empty:1"];

export function expectedOf(image: TestImage, names: readonly string[] = image.tags): ArchivedImage {
  const { id, diffIDs } = buildConfig(image);
  return { id, names, layers: [...diffIDs] };
}

export async function saved(engine: Engine, names: readonly string[], options: SaveOptions = {}): Promise<string> {
  const file = join(scratchDirectory(), "saved.tar");
  await engine.save(names, { file }, options);
  return file;
}

export async function filledEngine(
  driver: "overlay2" | "vfs" = "vfs",
  images: readonly TestImage[] = IMAGES,
): Promise<Engine> {
  const engine = await testEngine(driver);
  await loadImages(engine, images);
  return engine;
}
