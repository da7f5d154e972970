import { LayerfsError, printable } from "../core/errors.ts";
import type { ImageSource } from "../core/image.ts";
import { formatPlatform, matches, type Platform } from "../core/platform.ts";
import type { NamedReference } from "../core/reference.ts";
import { openImageArchive } from "./archive.ts";
import type { ArchiveInput, ArchiveOptions } from "./archive-file.ts";
import { openDirectorySource } from "./directory.ts";
import { openOciLayout } from "./oci-layout.ts";
import type { RequestOptions } from "./registry/repository.ts";
import type { RegistrySettings } from "./registry/settings.ts";
import { parseSourceName, type SourceName } from "./source-name.ts";

export interface SourceOptions extends ArchiveOptions {
  /** Makes the layer's tar for `dir:`; the same bytes for the same tree. */
  readonly directoryTar: (directory: string) => AsyncIterable<Buffer>;
  /** Only images that run on it; where there is a choice, the default is this machine's. */
  readonly platform?: Platform | undefined;
  /** How registries are reached, for `docker://`. */
  readonly registries?: RegistrySettings | undefined;
  readonly onRetry?: RequestOptions["onRetry"];
}

/**
 * Opens the images of `oci:DIR[:TAG]`, `oci-archive:FILE[:TAG]`, `docker-archive:FILE[:NAME]`, `dir:PATH` or
 * `docker://REFERENCE`; `@N` in place of a name is the n-th image. Null for a text that names no transport, which is an
 * image of the store. Close the source when its layers are read.
 *
 * Configs and manifests are verified, layers are not yet: that is for whoever reads their bytes.
 *
 * Codes: USAGE (no path), NOT_FOUND (no such place, name or platform), and those of the transport.
 */
export function openSource(text: string, options: SourceOptions): Promise<ImageSource> | null {
  const name = parseSourceName(text);
  return name === null ? null : onPlatform(openTransport(name, options), text, options.platform);
}

/** The same for an archive in a file or a stream, whose form is told by what it holds. */
export function openArchive(input: ArchiveInput, options: SourceOptions): Promise<ImageSource> {
  const title = typeof input === "string" ? `archive ${printable(input)}` : "archive";
  return onPlatform(openImageArchive(input, options), title, options.platform);
}

function openTransport(name: SourceName, options: SourceOptions): Promise<ImageSource> {
  switch (name.transport) {
    case "oci":
      return openOciLayout(name.path, { ...options, image: name.image });
    case "oci-archive":
      return openImageArchive(name.path, { ...options, form: "oci", image: name.image });
    case "docker-archive":
      return openImageArchive(name.path, { ...options, form: "docker", image: name.image });
    case "dir":
      return openDirectorySource(name.path, options);
    case "docker":
      return openFromRegistry(name.reference, options);
  }
}

/** What talks HTTP is loaded for those alone that need it. */
async function openFromRegistry(reference: NamedReference, options: SourceOptions): Promise<ImageSource> {
  const { openRegistrySource } = await import("./registry/registry-source.ts");
  return openRegistrySource(reference, options);
}

/** An image that leaves no choice is taken for whatever platform it is, unless one is asked for. */
async function onPlatform(
  opened: Promise<ImageSource>,
  title: string,
  wanted: Platform | undefined,
): Promise<ImageSource> {
  const source = await opened;
  if (wanted === undefined) return source;
  const images = source.images.filter(({ platform }) => matches(wanted, platform));
  if (images.length > 0) return { ...source, images };
  await source[Symbol.asyncDispose]();
  const there = [...new Set(source.images.map(({ platform }) => formatPlatform(platform)))].map(printable);
  throw new LayerfsError(
    "NOT_FOUND",
    `${title}: no image for ${formatPlatform(wanted)}, only for ${there.join(", ")}`,
    {
      hint: there[0] === undefined ? undefined : `choose one with --platform ${there[0]}`,
    },
  );
}
