import { type Descriptor, readDescriptor } from "./descriptor.ts";
import { type Digest, parseDigest } from "./digest.ts";
import { type JsonNode, parseJson } from "./json.ts";
import { type NamedReference, parseReference } from "./reference.ts";

/** One image of a docker-archive's `manifest.json`, as `docker save` writes it (moby, image/tarexport). */
export interface DockerArchiveImage {
  /** Path of the config in the archive, as written. */
  readonly config: string;
  /** Each with a tag; empty for an image that was saved by its id. */
  readonly repoTags: readonly NamedReference[];
  /** Paths of the layers in the archive, as written, lowest first. */
  readonly layers: readonly string[];
  /** Id of the image that this one was built on, if it was built on the same machine. */
  readonly parent?: Digest | undefined;
  /** What is known of the layers' blobs, by diffID. */
  readonly layerSources: ReadonlyMap<Digest, Descriptor>;
}

/** Reads a docker-archive's `manifest.json`. Fails with INVALID_ARCHIVE. */
export function parseDockerManifestJson(bytes: Uint8Array): DockerArchiveImage[] {
  return parseJson(bytes, { title: "manifest.json", code: "INVALID_ARCHIVE" }).items(readImage);
}

function readImage(node: JsonNode): DockerArchiveImage {
  return {
    config: readPath(node.field("Config")),
    repoTags: node.field("RepoTags").optional((tags) => tags.items(readTag)) ?? [],
    layers: node.field("Layers").optional((layers) => layers.items(readPath)) ?? [],
    parent: node.field("Parent").optional(readParent),
    layerSources: node.field("LayerSources").optional(readLayerSources) ?? new Map(),
  };
}

function readPath(node: JsonNode): string {
  return node.string() || node.fail("a path in the archive");
}

function readTag(node: JsonNode): NamedReference {
  const reference = node.parsed(parseReference);
  return reference.tag === undefined ? node.fail("a name with a tag") : reference;
}

function readParent(node: JsonNode): Digest | undefined {
  return node.value === "" ? undefined : node.parsed(parseDigest);
}

function readLayerSources(node: JsonNode): ReadonlyMap<Digest, Descriptor> {
  return new Map(node.entries((name, source) => [source.key(name, parseDigest), readDescriptor(source)]));
}
