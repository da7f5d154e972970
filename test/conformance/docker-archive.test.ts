import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { tmpdir } from "node:os";
import { describe, expect, it } from "vitest";
import type { Image, ImageSource, Layer } from "../../src/core/image.ts";
import { familiarString } from "../../src/core/reference.ts";
import type { ArchiveInput } from "../../src/source/archive-file.ts";
import { openDockerArchive } from "../../src/source/docker-archive.ts";
import { fixtureNames, fixturePath, needsFixtures } from "./fixtures.ts";

needsFixtures();

const NO_MANIFEST = /there is no manifest\.json/;
const CUT = /expected a layer for each of its \d diff_ids, found 1 in manifest\.json/;

/**
 * The images of each archive of images/ as `count of layers: names`, or what the refusal says. Refused are OCI layouts
 * without manifest.json, the form before Docker 1.10, files that are no image, and two archives out of which their
 * makers cut layers that the config still promises: Docker refuses those too.
 */
const EXPECTED: ReadonlyMap<string, readonly string[] | RegExp> = new Map<string, readonly string[] | RegExp>([
  ["dive-test-docker-image.tar", ["14: dive-test:latest"]],
  ["dive-test-gzip-image.tar", NO_MANIFEST],
  ["dive-test-uncompressed-image.tar", NO_MANIFEST],
  ["dive-test-oci-gzip-image.tar", NO_MANIFEST],
  ["dive-test-oci-uncompressed-image.tar", NO_MANIFEST],
  ["ggcr-no_manifest.tar", NO_MANIFEST],
  ["ggcr-source_image.tar", ["1: bazel/pkg/v1/mutate:source_image"]],
  ["ggcr-test_image_1.tar", ["1: bazel/v1/tarball:test_image_1"]],
  ["ggcr-test_link.tar", ["1: bazel/v1/tarball:test_image_1", "2: bazel/v1/tarball:test_image_3"]],
  ["ggcr-whiteout_image.tar", ["3: bazel/pkg/v1/mutate:whiteout_image"]],
  ["moby-emptyLayer.tar", NO_MANIFEST],
  ["snyk-busybox-1.31.1.tar", NO_MANIFEST],
  ["snyk-busybox.arm64.tar", ["1: busybox:latest"]],
  ["snyk-busybox.tar", ["1: "]],
  ["snyk-hello-world.tar", ["1: hello-world:latest"]],
  ["snyk-kaniko-busybox.tar", ["1: kaniko-busybox:latest"]],
  ["snyk-nginx-os-release-link.tar", CUT],
  ["snyk-oci-with-manifest.tar", CUT],
  ["stereoscope-valid-oci.tar", NO_MANIFEST],
]);

describe("archives of other projects", () => {
  const names = fixtureNames("images");
  const loaded = names.filter((name) => !(EXPECTED.get(name) instanceof RegExp));

  it.each(names)("opens or refuses %s, as a file and as a stream", async (name) => {
    const path = fixturePath("images", name);
    const expected = EXPECTED.get(name);
    for (const input of [path, { stream: createReadStream(path) }]) {
      if (expected instanceof RegExp) {
        await expect(open(input)).rejects.toMatchObject({
          code: "INVALID_ARCHIVE",
          message: expect.stringMatching(expected),
        });
      } else {
        const source = await open(input);
        await source[Symbol.asyncDispose]();
        expect(source.images.map(describeImage)).toEqual(expected);
      }
    }
  });

  it.each(loaded)("finds in %s the layers that its configs promise", async (name) => {
    const source = await open(fixturePath("images", name));
    const layers = source.images.flatMap((image) => image.layers);
    expect(layers.length).toBeGreaterThan(0);
    expect(await Promise.all(layers.map(tarDigest))).toEqual(layers.map((layer) => layer.diffID));
    await source[Symbol.asyncDispose]();
  });
});

function open(input: ArchiveInput): Promise<ImageSource> {
  return openDockerArchive(input, { spoolDirectory: tmpdir() });
}

function describeImage(image: Image): string {
  return `${image.layers.length}: ${image.names.map(familiarString).join(", ")}`;
}

async function tarDigest(layer: Layer): Promise<string> {
  const hash = createHash("sha256");
  for await (const chunk of layer.openTar()) hash.update(chunk);
  return `sha256:${hash.digest("hex")}`;
}
