import { openArchiveManifests } from "./archive.ts";
import { layoutInDirectory } from "./layout-files.ts";
import type { ManifestSource } from "./manifest-source.ts";
import { readLayoutManifests } from "./oci-layout.ts";
import type { SourceOptions } from "./open-source.ts";
import { openRegistryManifests } from "./registry/registry-source.ts";
import { parseSourceName } from "./source-name.ts";

/**
 * Opens the manifests of `oci:DIR[:TAG]`, `oci-archive:FILE[:TAG]` or `docker://REFERENCE`: those for one platform, or
 * with `all` whatever is there. Null for a place that has no manifests of its own. Codes: those of `openSource`.
 */
export function openManifests(
  text: string,
  options: SourceOptions & { readonly all: boolean },
): Promise<ManifestSource> | null {
  const name = parseSourceName(text);
  switch (name?.transport) {
    case "oci":
      return readLayoutManifests(layoutInDirectory(name.path), { ...options, image: name.image });
    case "oci-archive":
      return openArchiveManifests(name.path, { ...options, image: name.image });
    case "docker":
      return openRegistryManifests(name.reference, options);
    default:
      return null;
  }
}
