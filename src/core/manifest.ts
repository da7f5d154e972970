import { type Descriptor, readDescriptor, readMediaType } from "./descriptor.ts";
import { type Digest, digestOf } from "./digest.ts";
import { LayerfsError } from "./errors.ts";
import { type JsonNode, parseJson } from "./json.ts";
import { isManifest, MEDIA_TYPE } from "./media-types.ts";

/** An image manifest: OCI's (image-spec, manifest.md) or Docker's version 2, schema 2, which differ in media types only. */
export interface Manifest {
  /** The document byte for byte, and its digest. */
  readonly bytes: Uint8Array;
  readonly digest: Digest;
  /** The whole document, with fields that are not known here. */
  readonly raw: Readonly<Record<string, unknown>>;
  readonly mediaType: string;
  readonly config: Descriptor;
  /** Lowest first. */
  readonly layers: readonly Descriptor[];
  readonly artifactType?: string | undefined;
  readonly subject?: Descriptor | undefined;
  readonly annotations?: ReadonlyMap<string, string> | undefined;
}

/**
 * Reads an image manifest. Fails with INVALID_MANIFEST, with UNSUPPORTED for Docker's schema 1. A document that is
 * also an index is refused, so that no two readers can take it for different things (CVE-2021-41190). `place`, where it
 * lies, is for messages.
 */
export function parseManifest(bytes: Uint8Array, place?: string): Manifest {
  const digest = digestOf(bytes);
  const title = `${place === undefined ? "" : `${place}: `}image manifest ${digest}`;
  const node = parseJson(bytes, { title, code: "INVALID_MANIFEST" });
  checkSchemaVersion(node);
  if (!node.field("manifests").isAbsent) node.field("manifests").fail("nothing, as this is no index");
  const mediaType = node.field("mediaType").optional(readMediaType) ?? MEDIA_TYPE.ociManifest;
  if (!isManifest(mediaType)) node.field("mediaType").fail(`${MEDIA_TYPE.ociManifest} or Docker's like`);
  return {
    bytes,
    digest,
    raw: node.object(),
    mediaType,
    config: readDescriptor(node.field("config")),
    layers: node.field("layers").items(readDescriptor),
    artifactType: node.field("artifactType").optional(readMediaType),
    subject: node.field("subject").optional(readDescriptor),
    annotations: node.field("annotations").optional((annotations) => annotations.stringMap()),
  };
}

/** Fails unless a manifest's or an index's `schemaVersion` is 2. */
export function checkSchemaVersion(document: JsonNode): void {
  const version = document.field("schemaVersion");
  if (version.value === 1) {
    throw new LayerfsError("UNSUPPORTED", "image manifest: Docker's schema 1 is not supported", {
      hint: "push the image again with a Docker of 1.10 or later, which writes schema 2",
    });
  }
  if (version.value !== 2) version.fail("2");
}
