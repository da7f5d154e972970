import { existsSync } from "node:fs";
import { join } from "node:path";
import { type Digest, parseDigest } from "../core/digest.ts";
import { isLayerfsError } from "../core/errors.ts";
import { readNames } from "../layer/records.ts";
import { readIfThere } from "../sys/read-if-there.ts";

/** A container that dockerd keeps in the data root. */
export interface StoredContainer {
  readonly id: string;
  /** The image it was made of; null where its config does not tell, which leaves `parent`. */
  readonly image: Digest | null;
  /** ChainID of the image's topmost layer, below the container's own; null for an image without layers. */
  readonly parent: Digest | null;
  readonly running: boolean;
}

export interface ContainerDirectories {
  /** `<root>/containers`, one directory a container. */
  readonly containers: string;
  /** `layerdb/mounts`, likewise. */
  readonly mounts: string;
}

/**
 * All containers, by id. One whose config is missing or damaged is told by its record in the layer database, so that
 * its image is not taken for unused.
 */
export function listContainers(directories: ContainerDirectories): StoredContainer[] {
  const ids = new Set([...readNames(directories.containers), ...readNames(directories.mounts)]);
  return [...ids]
    .filter((id) => /^[0-9a-f]{64}$/.test(id))
    .sort()
    .map((id) => {
      const config = readJson(join(directories.containers, id, "config.v2.json"));
      const { Image: image, State: state } = asRecord(config);
      const { Running: running, Pid: pid } = asRecord(state);
      return {
        id,
        image: asDigest(image),
        parent: asDigest(readIfThere(join(directories.mounts, id, "parent"))),
        running: running === true && isAlive(pid),
      };
    });
}

/** A container's image by its config, else by the layers it stands on. */
export function usesImage(container: StoredContainer, image: Digest, topChain: Digest | null): boolean {
  if (container.image !== null) return container.image === image;
  return topChain !== null && container.parent === topChain;
}

/** After a crash of dockerd the config says `Running` of processes that have ended. */
function isAlive(pid: unknown): boolean {
  return typeof pid === "number" && Number.isSafeInteger(pid) && pid > 0 && existsSync(`/proc/${pid}`);
}

function readJson(path: string): unknown {
  const text = readIfThere(path);
  if (text === null) return null;
  try {
    return JSON.parse(text);
  } catch (error) {
    if (error instanceof SyntaxError) return null;
    throw error;
  }
}

function asRecord(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null ? (value as Record<string, unknown>) : {};
}

function asDigest(value: unknown): Digest | null {
  if (typeof value !== "string") return null;
  try {
    return parseDigest(value);
  } catch (error) {
    if (isLayerfsError(error, "INVALID_DIGEST")) return null;
    throw error;
  }
}
