import { readdirSync, rmSync } from "node:fs";
import { join } from "node:path";

/** layerfs's own directory below XDG_CACHE_HOME, and what of it is Node.js's compiled code of layerfs, not of images. */
const OWN = "layerfs";
const COMPILED = "compile-cache";

/** Forgets everything about images in the cache below `home`, an XDG_CACHE_HOME. */
export function forgetImages(home: string): void {
  const own = join(home, OWN);
  for (const name of readdirSync(own)) {
    if (name !== COMPILED) rmSync(join(own, name), { recursive: true });
  }
}
