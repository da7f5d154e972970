import type { Descriptor } from "./descriptor.ts";
import type { OutgoingManifest } from "./destination.ts";
import { digestOf } from "./digest.ts";
import { MEDIA_TYPE } from "./media-types.ts";

type Described = Pick<Descriptor, "mediaType" | "digest" | "size">;

/** An OCI image manifest (image-spec, manifest.md); the same parts give the same bytes, those that `docker save` gives. */
export function encodeOciManifest(config: Described, layers: readonly Described[]): OutgoingManifest {
  const mediaType = MEDIA_TYPE.ociManifest;
  const document = { schemaVersion: 2, mediaType, config: described(config), layers: layers.map(described) };
  const bytes = Buffer.from(JSON.stringify(document));
  return { bytes, digest: digestOf(bytes), mediaType };
}

function described({ mediaType, digest, size }: Described): Described {
  return { mediaType, digest, size };
}
