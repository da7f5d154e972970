import { join } from "node:path";
import { isLayerfsError, LayerfsError, printable } from "../core/errors.ts";
import { asRecord } from "../core/json-record.ts";
import { type ResolveInRootOptions, type RootPlace, resolveInRoot } from "../sys/resolve-in-root.ts";
import { cleanPath, pathKey } from "../union/entry-path.ts";
import type { Container, ContainerStore } from "./container.ts";
import { volumesDirectory } from "./volumes.ts";

/** A container whose tree is open. */
export interface OpenedContainer {
  readonly store: ContainerStore;
  readonly container: Container;
  /** Its root. */
  readonly root: number;
}

/**
 * A path in a container's own tree, resolved inside it. Fails with NOT_FOUND, in Docker's words, and with UNSUPPORTED where
 * a running container has a volume or a directory of this machine there.
 */
export function resolveInContainer(opened: OpenedContainer, path: string, options: ResolveInRootOptions): RootPlace {
  const bytes = Buffer.from(path);
  refuseMounted(opened, pathKey(cleanPath(bytes)));
  const place = resolve(opened, bytes, options);
  try {
    refuseMounted(opened, pathKey(place.names));
    return place;
  } catch (error) {
    place[Symbol.dispose]();
    throw error;
  }
}

/** What there is no node for, in Docker's words. */
export function noSuchFile({ container }: OpenedContainer, path: string | Buffer, cause?: unknown): LayerfsError {
  const message = `Could not find the file ${printable(path)} in container ${container.name ?? container.id}`;
  return new LayerfsError("NOT_FOUND", message, { errno: "ENOENT", cause });
}

function resolve(opened: OpenedContainer, path: Buffer, options: ResolveInRootOptions): RootPlace {
  try {
    return resolveInRoot(opened.root, path, options);
  } catch (error) {
    const isAbsent = isLayerfsError(error, "NOT_FOUND") && error.errno === "ENOENT";
    throw isAbsent ? noSuchFile(opened, path, error) : error;
  }
}

function refuseMounted({ store, container }: OpenedContainer, key: string): void {
  for (const point of Object.values(asRecord(container.document.MountPoints))) {
    const { Destination: destination, Source: source, Type: type, Name: name } = asRecord(point);
    if (typeof destination !== "string" || type === "tmpfs") continue;
    const mounted = pathKey(cleanPath(Buffer.from(destination)));
    if (key !== mounted && !key.startsWith(`${mounted}/`)) continue;
    const directory = source || join(volumesDirectory(store), String(name), "_data");
    throw new LayerfsError(
      "UNSUPPORTED",
      `${printable(destination)} of the container is no part of it: ${type} is mounted there`,
      {
        hint: `its files are in ${directory}`,
      },
    );
  }
}
