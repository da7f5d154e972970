import { join } from "node:path";
import type { NamedReference } from "../../core/reference.ts";
import type { ApplyPool } from "../../layer/apply/pool.ts";
import { spaceGuard } from "../../layer/apply/space-guard.ts";
import { openDirectory } from "../../sys/at.ts";
import { close } from "../../sys/file.ts";
import { makeDirectories } from "../../sys/make-directories.ts";
import type { LoadedImage, LoadInput } from "../engine.ts";
import { refuseOneName } from "../outgoing/copy.ts";
import { openLoadInput, type SourceCall } from "../source.ts";
import type { Stores } from "../stores.ts";
import { loadImages } from "./load.ts";

/**
 * Loads all images of a source; an archive that must be kept meanwhile lies in the data root, and leaves the reserve free
 * too. A `name` is for the one image of the source, in place of its own.
 */
export async function loadInput(
  stores: Stores,
  input: LoadInput,
  pool: ApplyPool,
  options: SourceCall,
  name: NamedReference | null = null,
): Promise<LoadedImage[]> {
  const spoolDirectory = join(stores.layers.layout.own, "tmp");
  makeDirectories(spoolDirectory, 0o700);
  const fd = openDirectory(spoolDirectory);
  try {
    const space = spaceGuard(fd, { maxLayerSize: null });
    await using source = await openLoadInput(input, options, { spoolDirectory, beforeSpooling: space.bytes });
    if (name === null) return await loadImages(stores, source, pool, options);
    const images = source.images.map((image) => ({ ...image, names: [name] }));
    refuseOneName({ takesOne: true }, images.length);
    return await loadImages(stores, { ...source, images }, pool, options);
  } finally {
    close(fd);
  }
}
