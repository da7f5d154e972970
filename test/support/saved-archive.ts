import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { gunzipSync, zstdDecompressSync } from "node:zlib";
import { sha256 } from "./image-builder.ts";
import { scratchDirectory } from "./scratch.ts";

/** An image of an archive: digests of its config's bytes and of its layers' uncompressed bytes, lowest first. */
export interface ArchivedImage {
  readonly id: string;
  readonly names: readonly string[];
  readonly layers: readonly string[];
}

/** The images of an archive's `manifest.json`, as GNU tar reads it. Only for small ones: each layer is read whole. */
export function archivedImages(archive: string): ArchivedImage[] {
  const directory = extracted(archive);
  const manifest: { Config: string; RepoTags: string[] | null; Layers: string[] }[] = JSON.parse(
    readFileSync(join(directory, "manifest.json"), "utf8"),
  );
  return manifest.map(({ Config, RepoTags, Layers }) => ({
    id: `sha256:${sha256(readFileSync(join(directory, Config)))}`,
    names: RepoTags ?? [],
    layers: Layers.map((path) => `sha256:${sha256(uncompressed(readFileSync(join(directory, path))))}`),
  }));
}

/** The images of the `index.json` of a layout, in a directory or an archive; each blob is checked by its name. */
export function layoutImages(place: string): ArchivedImage[] {
  const directory = place.endsWith(".tar") ? extracted(place) : place;
  const blob = (digest: string): Buffer => {
    const bytes = readFileSync(join(directory, "blobs", digest.replace(":", "/")));
    if (`sha256:${sha256(bytes)}` !== digest) throw new Error(`${place}: blob ${digest} has other bytes`);
    return bytes;
  };
  const index: { manifests: { digest: string; annotations?: Record<string, string> }[] } = JSON.parse(
    readFileSync(join(directory, "index.json"), "utf8"),
  );
  return index.manifests.map(({ digest, annotations = {} }) => {
    const manifest = JSON.parse(blob(digest).toString());
    return {
      id: `sha256:${sha256(blob(manifest.config.digest))}`,
      names: Object.values(annotations),
      layers: manifest.layers.map((layer: { digest: string }) => `sha256:${sha256(uncompressed(blob(layer.digest)))}`),
    };
  });
}

function extracted(archive: string): string {
  const directory = scratchDirectory();
  const { status, stderr } = spawnSync("tar", ["-xf", archive, "-C", directory], { encoding: "utf8" });
  if (status !== 0) throw new Error(`tar -xf ${archive}: ${stderr}`);
  return directory;
}

function uncompressed(bytes: Buffer): Buffer {
  if (bytes[0] === 0x1f && bytes[1] === 0x8b) return gunzipSync(bytes);
  return bytes.subarray(0, 4).toString("hex") === "28b52ffd" ? zstdDecompressSync(bytes) : bytes;
}
