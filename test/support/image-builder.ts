import { createHash } from "node:crypto";
import { END_OF_ARCHIVE, encodeEntry, type TestEntry } from "./tar-builder.ts";

export interface TestImage {
  readonly tags: readonly string[];
  /** Uncompressed, lowest first. */
  readonly layers: readonly Buffer[];
  /** What the archive holds in place of a layer, such as a compressed or damaged form. */
  readonly stored?: (layer: Buffer, index: number) => Buffer;
  /** Its name in the archive. Default: a blob named by the digest of the uncompressed layer. */
  readonly layerPath?: (index: number) => string;
  /** Fields that go into the config beside `rootfs`. */
  readonly config?: Readonly<Record<string, unknown>>;
}

export interface BuiltImage {
  readonly id: string;
  readonly diffIDs: readonly string[];
  readonly config: Buffer;
}

export function sha256(bytes: Buffer | string): string {
  return createHash("sha256").update(bytes).digest("hex");
}

export function buildConfig(image: TestImage): BuiltImage {
  const diffIDs = image.layers.map((layer) => `sha256:${sha256(layer)}`);
  const config = Buffer.from(
    JSON.stringify({
      architecture: "amd64",
      os: "linux",
      created: "2023-11-14T22:13:20Z",
      config: {},
      history: image.layers.map((_, index) => ({ created_by: `layer ${index}` })),
      ...image.config,
      rootfs: { type: "layers", diff_ids: diffIDs },
    }),
  );
  return { id: `sha256:${sha256(config)}`, diffIDs, config };
}

/** A `docker save` archive: blobs by digest, then manifest.json; each layer once, whoever shares it. */
export function dockerArchive(images: readonly TestImage[]): Buffer {
  return packArchive(archiveFiles(images));
}

/** The files of such an archive, by path, for tests that damage one. */
export function archiveFiles(images: readonly TestImage[]): Map<string, Buffer> {
  const files = new Map<string, Buffer>();
  const manifest = images.map((image) => {
    const { id, config } = buildConfig(image);
    const layers = image.layers.map((layer, index) => {
      const path = image.layerPath?.(index) ?? `blobs/sha256/${sha256(layer)}`;
      files.set(path, image.stored?.(layer, index) ?? layer);
      return path;
    });
    const path = `blobs/sha256/${id.slice("sha256:".length)}`;
    files.set(path, config);
    return { Config: path, RepoTags: image.tags.length > 0 ? image.tags : null, Layers: layers };
  });
  files.set("manifest.json", Buffer.from(JSON.stringify(manifest)));
  return files;
}

export function packArchive(files: ReadonlyMap<string, Buffer>): Buffer {
  const entries = [...files].map(([name, data]): TestEntry => ({ name, data }));
  return Buffer.concat([...entries.map(encodeEntry), END_OF_ARCHIVE]);
}
