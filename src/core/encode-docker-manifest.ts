import type { Descriptor } from "./descriptor.ts";
import { type Digest, digestOf } from "./digest.ts";
import { MEDIA_TYPE } from "./media-types.ts";

type Described = Pick<Descriptor, "mediaType" | "digest" | "size">;

/** An image manifest as Docker pushes it: version 2, schema 2; the same parts give the bytes that dockerd makes of them. */
export function encodeDockerManifest(
  config: Described,
  layers: readonly Described[],
): { readonly bytes: Uint8Array; readonly digest: Digest; readonly mediaType: string } {
  const mediaType = MEDIA_TYPE.dockerManifest;
  const document = { schemaVersion: 2, mediaType, config: described(config), layers: layers.map(described) };
  const bytes = Buffer.from(JSON.stringify(document, null, 3));
  return { bytes, digest: digestOf(bytes), mediaType };
}

/** In the order of the fields that the distribution project's Go has. */
function described({ mediaType, digest, size }: Described): Described {
  return { mediaType, size, digest };
}
