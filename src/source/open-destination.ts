import type { ImageDestination } from "../core/destination.ts";
import { LayerfsError, printable } from "../core/errors.ts";
import { parseReference, withDefaultTag } from "../core/reference.ts";
import { archiveWriter } from "./archive-writer.ts";
import { layoutWriter } from "./layout-writer.ts";
import { fileOutput } from "./output.ts";
import { registryDestination } from "./registry/registry-destination.ts";
import type { RegistrySettings } from "./registry/settings.ts";
import { parseSourceName, type SourceName } from "./source-name.ts";

export interface DestinationOptions {
  /** How registries are reached, for `docker://`. */
  readonly registries?: RegistrySettings | undefined;
}

/**
 * Opens `oci:DIR[:TAG]`, `oci-archive:FILE[:TAG]`, `docker-archive:FILE[:NAME]` or `docker://NAME[:TAG]` to take images.
 * Null for a text that names no transport. Nothing is to be found there before it is committed.
 *
 * Codes: USAGE (no path, a place that cannot be written), UNSUPPORTED (`dir:`), CONFLICT (a directory that holds
 * something else), INVALID_REFERENCE, PERMISSION, SYSTEM.
 */
export function openDestination(text: string, options: DestinationOptions = {}): Promise<ImageDestination> | null {
  const name = parseSourceName(text);
  return name === null ? null : open(name, text, options);
}

async function open(name: SourceName, text: string, options: DestinationOptions): Promise<ImageDestination> {
  if (name.transport === "dir") {
    throw new LayerfsError("UNSUPPORTED", `${printable(text)}: an image's tree is written by another command`, {
      hint: "layerfs unpack IMAGE DIRECTORY",
    });
  }
  if (name.transport === "docker") return registryDestination(name.reference, options);
  const { transport, path, image } = name;
  if (image !== null && "index" in image) {
    throw new LayerfsError("USAGE", `${printable(text)}: @${image.index} chooses an image to read, it cannot name one`);
  }
  const tag = image?.name ?? null;
  if (transport === "oci") return layoutWriter(path, tag);
  if (transport === "oci-archive") return archiveWriter(await fileOutput(path), { form: "oci", name: tag });
  const reference = tag === null ? null : withDefaultTag(parseReference(tag));
  if (reference?.digest !== undefined) {
    throw new LayerfsError("USAGE", `${printable(text)}: expected a name with a tag, found one with a digest`);
  }
  return archiveWriter(await fileOutput(path), { form: "docker", name: reference });
}
