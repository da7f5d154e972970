import { type Digest, parseDigest } from "./digest.ts";
import type { JsonNode } from "./json.ts";
import { isMediaType } from "./media-types.ts";
import { normalise, type Platform } from "./platform.ts";

/** What a document says of another one or of a blob (OCI image-spec, descriptor.md). */
export interface Descriptor {
  readonly mediaType: string;
  readonly digest: Digest;
  /** In bytes. */
  readonly size: number;
  readonly artifactType?: string | undefined;
  readonly annotations?: ReadonlyMap<string, string> | undefined;
  readonly urls?: readonly string[] | undefined;
  /** In an index only: what the described manifest runs on, in normal form. */
  readonly platform?: Platform | undefined;
  /** The described bytes themselves, not yet verified against `digest`. */
  readonly data?: Uint8Array | undefined;
}

/** Reads a descriptor out of a document; fails with the document's code. */
export function readDescriptor(node: JsonNode): Descriptor {
  return {
    mediaType: readMediaType(node.field("mediaType")),
    digest: node.field("digest").parsed(parseDigest),
    size: node.field("size").size(),
    artifactType: node.field("artifactType").optional(readMediaType),
    annotations: node.field("annotations").optional((annotations) => annotations.stringMap()),
    urls: node.field("urls").optional(readURLs),
    platform: node.field("platform").optional(readPlatform),
    data: node.field("data").optional(readBase64),
  };
}

/** Reads a media type; fails with the document's code. */
export function readMediaType(node: JsonNode): string {
  const text = node.string();
  return isMediaType(text) ? text : node.fail("a media type, such as application/vnd.oci.image.config.v1+json");
}

function readPlatform(node: JsonNode): Platform {
  return normalise({
    os: readWord(node.field("os")),
    architecture: readWord(node.field("architecture")),
    variant: node.field("variant").optional((variant) => variant.string()) || undefined,
    osVersion: node.field("os.version").optional((version) => version.string()) || undefined,
    osFeatures: node.field("os.features").optional((features) => features.strings()),
  });
}

function readWord(node: JsonNode): string {
  return node.string() || node.fail("a word");
}

function readURLs(node: JsonNode): string[] {
  return node.items((item) => (URL.canParse(item.string()) ? item.string() : item.fail("a URL")));
}

function readBase64(node: JsonNode): Uint8Array {
  const text = node.string();
  const bytes = Buffer.from(text, "base64");
  return bytes.toString("base64") === text ? bytes : node.fail("base64");
}
