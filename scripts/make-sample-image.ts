/** Writes sample/layerfs-sample.tar, the image of the tour. Same sources, same bytes; a test compares them. */
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { sampleImage } from "./sample/image.ts";

const directory = join(import.meta.dirname, "../sample");
mkdirSync(directory, { recursive: true });
writeFileSync(join(directory, "layerfs-sample.tar"), sampleImage());
