import { join } from "node:path";
import type { ApplyPool } from "../layer/apply/pool.ts";
import { spaceGuard } from "../layer/apply/space-guard.ts";
import { openDockerArchive } from "../source/docker-archive.ts";
import { openDirectory } from "../sys/at.ts";
import { close } from "../sys/file.ts";
import { makeDirectories } from "../sys/make-directories.ts";
import type { CallOptions, Engine, LoadedImage } from "./engine.ts";
import { loadImages } from "./load.ts";
import type { Stores } from "./stores.ts";

/** Loads a `docker save` archive; one that must be kept meanwhile lies in the data root, and leaves the reserve free too. */
export async function loadArchive(
  stores: Stores,
  input: Parameters<Engine["load"]>[0],
  pool: ApplyPool,
  options: CallOptions,
): Promise<LoadedImage[]> {
  const spoolDirectory = join(stores.layers.layout.own, "tmp");
  makeDirectories(spoolDirectory, 0o700);
  const fd = openDirectory(spoolDirectory);
  try {
    const space = spaceGuard(fd, { maxLayerSize: null });
    const archive = "file" in input ? input.file : { stream: input.stream as AsyncIterable<Uint8Array> };
    await using source = await openDockerArchive(archive, {
      spoolDirectory,
      beforeSpooling: space.bytes,
      signal: options.signal,
    });
    return await loadImages(stores, source, pool, options);
  } finally {
    close(fd);
  }
}
