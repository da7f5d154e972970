import { readFileSync } from "node:fs";
import { join } from "node:path";
import { type Digest, digestHex, parseDigest } from "../core/digest.ts";
import { LayerfsError } from "../core/errors.ts";
import type { ImageLayout } from "./layout.ts";

/** Under which digest a registry has a layer. */
export interface RegistryBlob {
  readonly digest: Digest;
  /** As `docker.io/library/nginx`. */
  readonly repository: string;
}

/**
 * What dockerd noted when it pulled or pushed a layer; none where it did neither. Fails with CORRUPT_STORE where the
 * record is damaged. Format: moby, distribution/metadata/v2_metadata_service.go.
 */
export function readRegistryBlobs(layout: ImageLayout, diffID: Digest): RegistryBlob[] {
  const path = join(layout.distribution, "v2metadata-by-diffid", "sha256", digestHex(diffID));
  const text = readIfThere(path);
  if (text === null) return [];
  try {
    const found = JSON.parse(text) as { Digest: string; SourceRepository: string }[];
    return found.map(({ Digest, SourceRepository }) => ({ digest: parseDigest(Digest), repository: SourceRepository }));
  } catch (cause) {
    throw new LayerfsError("CORRUPT_STORE", `${path} is damaged: ${(cause as Error).message}`, {
      hint: "remove it; it only spares dockerd the upload of what a registry has already",
      cause,
    });
  }
}

function readIfThere(path: string): string | null {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return null;
    throw error;
  }
}
