import { expect, it } from "vitest";
import {
  isForeignLayer,
  isImageConfig,
  isIndex,
  isManifest,
  isMediaType,
  isSchema1,
  layerCompression,
  MEDIA_TYPE,
} from "./media-types.ts";

it.each([
  [MEDIA_TYPE.ociLayer, "none", false],
  [MEDIA_TYPE.ociLayerGzip, "gzip", false],
  [MEDIA_TYPE.ociLayerZstd, "zstd", false],
  ["application/vnd.oci.image.layer.nondistributable.v1.tar+gzip", "gzip", true],
  [MEDIA_TYPE.dockerLayer, "none", false],
  [MEDIA_TYPE.dockerLayerGzip, "gzip", false],
  [MEDIA_TYPE.dockerLayerZstd, "zstd", false],
  [MEDIA_TYPE.dockerForeignLayer, "none", true],
  [MEDIA_TYPE.dockerForeignLayerGzip, "gzip", true],
  ["application/vnd.oci.image.layer.v1.tar+gzip+encrypted", undefined, false],
  ["application/vnd.oci.image.layer.v1.tar+invalid", undefined, false],
  ["application/vnd.oci.image.layer.nondistributable.v1.tar+encrypted", undefined, false],
  [MEDIA_TYPE.ociConfig, undefined, false],
])("knows the layers of type %s", (mediaType, compression, foreign) => {
  expect([layerCompression(mediaType), isForeignLayer(mediaType)]).toEqual([compression, foreign]);
});

it("tells documents apart", () => {
  const types = Object.values(MEDIA_TYPE);
  expect(types.filter(isManifest)).toEqual([MEDIA_TYPE.ociManifest, MEDIA_TYPE.dockerManifest]);
  expect(types.filter(isIndex)).toEqual([MEDIA_TYPE.ociIndex, MEDIA_TYPE.dockerManifestList]);
  expect(types.filter(isImageConfig)).toEqual([MEDIA_TYPE.ociConfig, MEDIA_TYPE.dockerConfig]);
  expect(types.filter(isSchema1)).toEqual([MEDIA_TYPE.dockerSchema1, MEDIA_TYPE.dockerSchema1Signed]);
});

it.each([...Object.values(MEDIA_TYPE), "text/plain", `${"1".repeat(127)}/${"1".repeat(127)}`])(
  "accepts %s as a media type",
  (text) => {
    expect(isMediaType(text)).toBe(true);
  },
);

it.each(["", "application", ".foo/bar", "foo/.bar", "a/b/c", "text/plain; charset=utf-8", `${"1".repeat(128)}/x`])(
  "refuses %j as a media type",
  (text) => {
    expect(isMediaType(text)).toBe(false);
  },
);
