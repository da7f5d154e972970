import { describe, expect, it } from "vitest";
import { digestOf } from "./digest.ts";
import { type Manifest, parseManifest } from "./manifest.ts";
import { MEDIA_TYPE } from "./media-types.ts";

const CONFIG = { mediaType: MEDIA_TYPE.ociConfig, digest: digestOf("config"), size: 6 };
const LAYER = { mediaType: MEDIA_TYPE.ociLayerGzip, digest: digestOf("layer"), size: 5 };
const VALID = { schemaVersion: 2, mediaType: MEDIA_TYPE.ociManifest, config: CONFIG, layers: [LAYER] };

function parse(value: unknown): Manifest {
  return parseManifest(Buffer.from(JSON.stringify(value)));
}

describe("parseManifest", () => {
  it("reads a manifest and keeps its bytes and what it does not know", () => {
    const bytes = Buffer.from(JSON.stringify({ ...VALID, "x-more": [1] }, null, 3));
    expect(parseManifest(bytes)).toMatchObject({
      bytes,
      digest: digestOf(bytes),
      raw: { "x-more": [1] },
      mediaType: MEDIA_TYPE.ociManifest,
      config: CONFIG,
      layers: [LAYER],
    });
  });

  it("takes a manifest without media type for OCI's", () => {
    expect(parse({ ...VALID, mediaType: undefined }).mediaType).toBe(MEDIA_TYPE.ociManifest);
  });

  it("reads Docker's schema 2", () => {
    expect(parse({ ...VALID, mediaType: MEDIA_TYPE.dockerManifest }).mediaType).toBe(MEDIA_TYPE.dockerManifest);
  });

  it("reads the manifest of an image without layers", () => {
    expect(parse({ ...VALID, layers: [] }).layers).toEqual([]);
  });

  it("reads subject, artifact type and annotations", () => {
    const more = { subject: LAYER, artifactType: "text/plain", annotations: { a: "b" } };
    expect(parse({ ...VALID, ...more })).toMatchObject({ ...more, annotations: new Map([["a", "b"]]) });
  });

  it.each([
    ["another schema version", { schemaVersion: 3 }],
    ["no schema version", { schemaVersion: undefined }],
    ["an index's media type", { mediaType: MEDIA_TYPE.ociIndex }],
    ["a document that is an index too", { manifests: [] }],
    ["no config", { config: undefined }],
    ["no layers", { layers: undefined }],
    ["a layer that is no descriptor", { layers: ["x"] }],
    ["a subject that is no descriptor", { subject: ".nope" }],
  ])("refuses %s", (_, change) => {
    expect(() => parse({ ...VALID, ...change })).toThrow(expect.objectContaining({ code: "INVALID_MANIFEST" }));
  });

  it("says that Docker's schema 1 is not supported", () => {
    expect(() => parse({ schemaVersion: 1, fsLayers: [] })).toThrow(
      expect.objectContaining({ code: "UNSUPPORTED", message: expect.stringContaining("schema 1") }),
    );
  });
});
