import { describe, expect, it } from "vitest";
import { digestOf } from "./digest.ts";
import { type ImageIndex, parseIndex } from "./image-index.ts";
import { MEDIA_TYPE } from "./media-types.ts";

const VALID = { schemaVersion: 2, mediaType: MEDIA_TYPE.ociIndex, manifests: [entry("amd64"), entry("arm64")] };

function entry(architecture: string | undefined): object {
  const platform = architecture === undefined ? undefined : { os: "linux", architecture };
  return { mediaType: MEDIA_TYPE.ociManifest, digest: digestOf(architecture ?? "none"), size: 1, platform };
}

function parse(value: unknown): ImageIndex {
  return parseIndex(Buffer.from(JSON.stringify(value)));
}

describe("parseIndex", () => {
  it("reads an index and keeps its bytes and what it does not know", () => {
    const bytes = Buffer.from(JSON.stringify({ ...VALID, more: 1, annotations: { a: "b" } }));
    expect(parseIndex(bytes)).toMatchObject({
      mediaType: VALID.mediaType,
      manifests: VALID.manifests,
      bytes,
      digest: digestOf(bytes),
      raw: { more: 1 },
      annotations: new Map([["a", "b"]]),
    });
  });

  it("reads Docker's manifest list, and takes an index without media type for OCI's", () => {
    expect(parse({ ...VALID, mediaType: MEDIA_TYPE.dockerManifestList }).mediaType).toBe(MEDIA_TYPE.dockerManifestList);
    expect(parse({ ...VALID, mediaType: undefined }).mediaType).toBe(MEDIA_TYPE.ociIndex);
  });

  it("reads an empty index", () => {
    expect(parse({ ...VALID, manifests: [] }).manifests).toEqual([]);
  });

  it.each([
    ["another schema version", { schemaVersion: "2" }],
    ["a manifest's media type", { mediaType: MEDIA_TYPE.ociManifest }],
    ["a document that is an image manifest too", { layers: [] }],
    ["no manifests", { manifests: undefined }],
    ["an entry with a bad media type", { manifests: [{ ...entry("arm"), mediaType: "invalid" }] }],
  ])("refuses %s", (_, change) => {
    expect(() => parse({ ...VALID, ...change })).toThrow(expect.objectContaining({ code: "INVALID_MANIFEST" }));
  });
});
