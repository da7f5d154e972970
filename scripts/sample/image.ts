import { createHash } from "node:crypto";
import { applicationLayer, baseLayer, changesLayer, sampleTime } from "./layers.ts";
import { type ArchiveFile, archive } from "./tar.ts";

export const sampleName = "layerfs/sample:1";

interface Blob {
  readonly mediaType: string;
  readonly digest: string;
  readonly bytes: Buffer;
}

const created = new Date(sampleTime.seconds * 1000).toISOString();
const history: readonly { readonly created_by: string; readonly empty_layer?: true }[] = [
  { created_by: "a minimal root filesystem" },
  { created_by: "ENV PATH=/usr/bin", empty_layer: true },
  { created_by: "the npm package mustache" },
  { created_by: "changes to both" },
  { created_by: 'CMD ["/usr/bin/show"]', empty_layer: true },
];

/** The sample image as `docker save` writes one since Docker 25: an OCI layout that also has a manifest.json. */
export function sampleImage(): Buffer {
  const layers = [baseLayer(), applicationLayer(), changesLayer()].map((files) =>
    blob("application/vnd.oci.image.layer.v1.tar", archive(files)),
  );
  const config = blob("application/vnd.oci.image.config.v1+json", json(imageConfig(layers)));
  const manifestType = "application/vnd.oci.image.manifest.v1+json";
  const manifest = blob(
    manifestType,
    json({
      schemaVersion: 2,
      mediaType: manifestType,
      config: descriptor(config),
      layers: layers.map(descriptor),
    }),
  );
  const blobs = [...layers, config, manifest].sort((a, b) => (a.digest < b.digest ? -1 : 1));
  return archive([
    directory("blobs/"),
    directory("blobs/sha256/"),
    ...blobs.map((one) => file(blobPath(one), one.bytes)),
    file("index.json", json(layoutIndex(manifest))),
    file("manifest.json", json(dockerManifest(config, layers))),
    file("oci-layout", json({ imageLayoutVersion: "1.0.0" })),
  ]);
}

function imageConfig(layers: readonly Blob[]): object {
  return {
    architecture: "amd64",
    config: {
      Env: ["PATH=/usr/bin"],
      Cmd: ["/usr/bin/show"],
      WorkingDir: "/",
      Labels: { "org.opencontainers.image.licenses": "Apache-2.0 AND MIT" },
    },
    created,
    history: history.map((entry) => ({ created, ...entry })),
    os: "linux",
    rootfs: { type: "layers", diff_ids: layers.map((layer) => layer.digest) },
  };
}

function layoutIndex(manifest: Blob): object {
  const annotations = {
    "io.containerd.image.name": `docker.io/${sampleName}`,
    "org.opencontainers.image.ref.name": sampleName.split(":")[1],
  };
  return {
    schemaVersion: 2,
    mediaType: "application/vnd.oci.image.index.v1+json",
    manifests: [{ ...descriptor(manifest), annotations }],
  };
}

function dockerManifest(config: Blob, layers: readonly Blob[]): object {
  const sources = layers.map((layer) => [layer.digest, descriptor(layer)]);
  return [
    {
      Config: blobPath(config),
      RepoTags: [sampleName],
      Layers: layers.map(blobPath),
      LayerSources: Object.fromEntries(sources),
    },
  ];
}

function blob(mediaType: string, bytes: Buffer): Blob {
  return { mediaType, digest: `sha256:${createHash("sha256").update(bytes).digest("hex")}`, bytes };
}

function descriptor({ mediaType, digest, bytes }: Blob): object {
  return { mediaType, digest, size: bytes.length };
}

function blobPath(one: Blob): string {
  return `blobs/${one.digest.replace(":", "/")}`;
}

function json(value: unknown): Buffer {
  return Buffer.from(JSON.stringify(value));
}

function directory(name: string): ArchiveFile {
  return { name, kind: "directory", mode: 0o755, mtime: sampleTime };
}

function file(name: string, content: Buffer): ArchiveFile {
  return { name, kind: "file", content, mode: 0o644, mtime: sampleTime };
}
