import type { ImageSource } from "../core/image.ts";
import type { Platform } from "../core/platform.ts";
import { type ArchiveInput, type ArchiveOptions, openArchiveFile } from "./archive-file.ts";
import { readDockerArchive } from "./docker-archive.ts";
import { layoutInArchive } from "./layout-files.ts";
import type { ManifestSource } from "./manifest-source.ts";
import { isLayout, readLayout, readLayoutManifests } from "./oci-layout.ts";
import type { Selection } from "./source-name.ts";

export interface ImageArchiveOptions extends ArchiveOptions {
  /** Which form it must have. Default: `docker save`'s where it has a `manifest.json`, else an OCI layout. */
  readonly form?: "docker" | "oci" | undefined;
  /** Which images; null for all. */
  readonly image?: Selection | undefined;
  readonly platform?: Platform | undefined;
}

/**
 * Opens an archive of images, from a file or a stream: what `docker save` wrote, or an OCI layout in a tar. Since
 * Docker 25 its archives are both; they are read as Docker's unless `form` says otherwise.
 *
 * Codes: those of `openArchiveFile`, of `readDockerArchive` and of `readLayout`.
 */
export async function openImageArchive(input: ArchiveInput, options: ImageArchiveOptions): Promise<ImageSource> {
  const archive = await openArchiveFile(input, options);
  const files = layoutInArchive(archive);
  const isDockers =
    options.form === undefined ? archive.index.has("manifest.json") || !isLayout(files) : options.form === "docker";
  return isDockers ? readDockerArchive(archive, options.image ?? null) : readLayout(files, options);
}

/** The manifests of an OCI layout in a tar, see `readLayoutManifests`. */
export async function openArchiveManifests(
  input: ArchiveInput,
  options: ImageArchiveOptions & { readonly all: boolean },
): Promise<ManifestSource> {
  return readLayoutManifests(layoutInArchive(await openArchiveFile(input, options)), options);
}
