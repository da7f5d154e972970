import { type Descriptor, readDescriptor, readMediaType } from "./descriptor.ts";
import { type Digest, digestOf } from "./digest.ts";
import { parseJson } from "./json.ts";
import { checkSchemaVersion } from "./manifest.ts";
import { isIndex, MEDIA_TYPE } from "./media-types.ts";

/** A list of manifests: OCI's image index (image-spec, image-index.md) or Docker's manifest list. */
export interface ImageIndex {
  /** The document byte for byte, and its digest. */
  readonly bytes: Uint8Array;
  readonly digest: Digest;
  /** The whole document, with fields that are not known here. */
  readonly raw: Readonly<Record<string, unknown>>;
  readonly mediaType: string;
  readonly manifests: readonly Descriptor[];
  readonly artifactType?: string | undefined;
  readonly subject?: Descriptor | undefined;
  readonly annotations?: ReadonlyMap<string, string> | undefined;
}

/**
 * Reads an index. Fails with INVALID_MANIFEST, also for a document that is an image manifest too (CVE-2021-41190).
 * `place`, where it lies, is for messages.
 */
export function parseIndex(bytes: Uint8Array, place?: string): ImageIndex {
  const digest = digestOf(bytes);
  const title = `${place === undefined ? "" : `${place}: `}image index ${digest}`;
  const node = parseJson(bytes, { title, code: "INVALID_MANIFEST" });
  checkSchemaVersion(node);
  for (const name of ["config", "layers", "fsLayers"]) {
    if (!node.field(name).isAbsent) node.field(name).fail("nothing, as this is no image manifest");
  }
  const mediaType = node.field("mediaType").optional(readMediaType) ?? MEDIA_TYPE.ociIndex;
  if (!isIndex(mediaType)) node.field("mediaType").fail(`${MEDIA_TYPE.ociIndex} or Docker's manifest list`);
  return {
    bytes,
    digest,
    raw: node.object(),
    mediaType,
    manifests: node.field("manifests").items(readDescriptor),
    artifactType: node.field("artifactType").optional(readMediaType),
    subject: node.field("subject").optional(readDescriptor),
    annotations: node.field("annotations").optional((annotations) => annotations.stringMap()),
  };
}
