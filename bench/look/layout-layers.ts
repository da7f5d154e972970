import { readFileSync } from "node:fs";
import { join } from "node:path";

export interface LayerFile {
  readonly path: string;
  readonly size: number;
  readonly isGzip: boolean;
}

/** The stored layers of the first image of an OCI layout, from the lowest. */
export function layoutLayers(layout: string): LayerFile[] {
  const index: { manifests: Descriptor[] } = JSON.parse(readFileSync(join(layout, "index.json"), "utf8"));
  const [first] = index.manifests;
  if (first === undefined) throw new Error(`${layout} has no image`);
  const manifest: { layers: Descriptor[] } = JSON.parse(readFileSync(blobPath(layout, first), "utf8"));
  return manifest.layers.map((layer) => ({
    path: blobPath(layout, layer),
    size: layer.size,
    isGzip: layer.mediaType.endsWith("gzip"),
  }));
}

interface Descriptor {
  readonly digest: string;
  readonly size: number;
  readonly mediaType: string;
}

function blobPath(layout: string, { digest }: Descriptor): string {
  return join(layout, "blobs", digest.replace(":", "/"));
}
