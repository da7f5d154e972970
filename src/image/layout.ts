import { join } from "node:path";
import { type Digest, digestHex } from "../core/digest.ts";

/** Paths of Docker's image database for one driver, `<root>/image/<driver>`. */
export interface ImageLayout {
  /** One file an image, named by the hex digits of its id; the config byte for byte. */
  readonly content: string;
  readonly metadata: string;
  readonly repositories: string;
  /** What dockerd knows of registries. */
  readonly distribution: string;
}

export function imageLayout(root: string, driver: string): ImageLayout {
  const base = join(root, "image", driver);
  return {
    content: join(base, "imagedb", "content", "sha256"),
    metadata: join(base, "imagedb", "metadata", "sha256"),
    repositories: join(base, "repositories.json"),
    distribution: join(base, "distribution"),
  };
}

export function contentPath(layout: ImageLayout, id: Digest): string {
  return join(layout.content, digestHex(id));
}

export function metadataPath(layout: ImageLayout, id: Digest): string {
  return join(layout.metadata, digestHex(id));
}
