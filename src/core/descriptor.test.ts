import { describe, expect, it } from "vitest";
import { type Descriptor, readDescriptor } from "./descriptor.ts";
import { digestOf } from "./digest.ts";
import { parseJson } from "./json.ts";

const DIGEST = digestOf("a manifest");
const VALID = { mediaType: "application/vnd.oci.image.manifest.v1+json", digest: DIGEST, size: 7682 };

function read(value: unknown): Descriptor {
  return readDescriptor(
    parseJson(Buffer.from(JSON.stringify(value)), { title: "descriptor", code: "INVALID_MANIFEST" }),
  );
}

describe("readDescriptor", () => {
  it("reads what must be there", () => {
    expect(read(VALID)).toEqual(VALID);
  });

  it("reads what may be there", () => {
    const more = {
      artifactType: "text/plain",
      annotations: { key: "value" },
      urls: ["https://example.com/x"],
      data: Buffer.from("a manifest").toString("base64"),
    };
    expect(read({ ...VALID, ...more })).toEqual({
      ...VALID,
      ...more,
      annotations: new Map([["key", "value"]]),
      data: Buffer.from("a manifest"),
    });
  });

  it("reads a platform into its normal form", () => {
    const platform = { os: "linux", architecture: "arm64", variant: "v8", "os.version": "", "os.features": ["x"] };
    expect(read({ ...VALID, platform }).platform).toEqual({ os: "linux", architecture: "arm64", osFeatures: ["x"] });
  });

  it.each([
    ["no media type", { mediaType: undefined }],
    ["a media type of one word", { mediaType: "application" }],
    ["no digest", { digest: undefined }],
    ["a digest without algorithm", { digest: DIGEST.slice(7) }],
    ["a digest of an unknown algorithm", { digest: `crc32:${DIGEST.slice(7)}` }],
    ["no size", { size: undefined }],
    ["a negative size", { size: -1 }],
    ["a size in quotes", { size: "7682" }],
    ["a bad artifact type", { artifactType: "foo/.bar" }],
    ["a relative URL", { urls: ["value"] }],
    ["a platform without architecture", { platform: { os: "linux" } }],
    ["a platform with an empty os", { platform: { os: "", architecture: "arm" } }],
    ["data that is not base64", { data: "?" }],
    ["annotations that are no strings", { annotations: { a: 1 } }],
  ])("refuses %s", (_, change) => {
    expect(() => read({ ...VALID, ...change })).toThrow(expect.objectContaining({ code: "INVALID_MANIFEST" }));
  });
});
