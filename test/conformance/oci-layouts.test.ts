import { execFileSync } from "node:child_process";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import type { Image } from "../../src/core/image.ts";
import { type Platform, parsePlatform } from "../../src/core/platform.ts";
import { familiarString } from "../../src/core/reference.ts";
import { layerEntries } from "../../src/engine/tree/layer-stream.ts";
import { openSource } from "../../src/source/open-source.ts";
import { scratchDirectory } from "../support/scratch.ts";
import { fixtureNames, fixturePath, needsFixtures } from "./fixtures.ts";

needsFixtures();

/** `count of layers: names` of each image, or the code of the refusal and what it says. */
type Expected = readonly string[] | { readonly code: string; readonly says: RegExp };

/** For linux/amd64, but for the archives of images of another one. */
const EXPECTED: ReadonlyMap<string, Expected> = new Map<string, Expected>([
  ["oci-layouts/ggcr-test_gc_index", ["1: "]],
  // Beside images its index.json has an entry of the media type of a descriptor, which is passed over.
  ["oci-layouts/ggcr-test_index", ["1: "]],
  [
    "oci-layouts/ggcr-test_index_media_type",
    { code: "UNSUPPORTED", says: /artifact of type application\/vnd\.cncf\.helm/ },
  ],
  ["oci-layouts/ggcr-test_index_one_image", ["1: "]],
  ["oci-layouts/moby-special-configtarget", { code: "UNSUPPORTED", says: /media type is .*config\.v1\+json/ }],
  ["oci-layouts/moby-special-emptyindex", { code: "INVALID_MANIFEST", says: /is empty/ }],
  // Docker's tests write manifests whose schemaVersion is 0. The specification demands 2; containerd does not look at it.
  ["oci-layouts/moby-special-multilayer", { code: "INVALID_MANIFEST", says: /schemaVersion: expected 2, found 0/ }],
  ["oci-layouts/moby-special-multiplatform", { code: "INVALID_MANIFEST", says: /schemaVersion: expected 2, found 0/ }],
  ["oci-layouts/stereoscope-invalid_file", { code: "INVALID_MANIFEST", says: /not JSON/ }],
  ["oci-layouts/stereoscope-multiplatform_oci_dir", ["1: multi-platform:latest"]],
  ["oci-layouts/stereoscope-no_manifests", { code: "INVALID_MANIFEST", says: /as this is no image manifest/ }],
  // Two entries name one manifest by tags alone.
  ["oci-layouts/stereoscope-valid_oci_dir", ["1: "]],
  ["images/dive-test-oci-gzip-image.tar", ["1: "]],
  ["images/dive-test-oci-uncompressed-image.tar", ["1: "]],
  ["images/snyk-busybox-1.31.1.tar", ["1: "]],
  ["images/snyk-hello-world.tar", ["1: hello-world:latest"]],
  ["images/stereoscope-valid-oci.tar", ["1: sample:latest"]],
  // Its makers kept manifest.json whole and cut the blobs of the layout.
  ["images/snyk-busybox.arm64.tar", { code: "INVALID_ARCHIVE", says: /there is no blobs\/sha256\/5387/ }],
  ["images/snyk-oci-with-manifest.tar", { code: "DIGEST_MISMATCH", says: /expected 26689802 bytes, found 509/ }],
]);

const names = [
  ...fixtureNames("oci-layouts").map((name) => `oci-layouts/${name}`),
  ...[...EXPECTED.keys()].filter((name) => name.startsWith("images/")),
];
const opened = names.filter((name) => Array.isArray(EXPECTED.get(name)));
const AMD64 = parsePlatform("linux/amd64");

describe("layouts of other projects", () => {
  it.each(names)("opens or refuses %s", async (name) => {
    const expected = EXPECTED.get(name);
    const images = withImages(name, (found) => found.map(describeImage));
    if (expected !== undefined && "code" in expected) {
      await expect(images).rejects.toMatchObject({
        code: expected.code,
        message: expect.stringMatching(expected.says),
      });
    } else {
      expect(await images).toEqual(expected);
    }
  });

  it.each(opened)("finds in %s the layers that its digests promise", async (name) => {
    const counts = await withImages(name, (images) =>
      Promise.all(
        images
          .flatMap(({ layers }) => layers)
          .map(async (layer) => {
            let entries = 0;
            for await (const _ of layerEntries(layer, {})) entries++;
            return entries;
          }),
      ),
    );
    expect(counts.length).toBeGreaterThan(0);
    expect(counts.every((count) => count > 0)).toBe(true);
  });

  it.each(opened.filter((name) => name.startsWith("oci-layouts/")))("reads %s the same out of a tar", async (name) => {
    const archive = join(scratchDirectory(), "layout.tar");
    execFileSync("tar", ["-cf", archive, "-C", fixturePath(name), "."]);
    const ids = (images: readonly Image[]): string[] => images.map(({ id }) => id);
    expect(await withSource(`oci-archive:${archive}`, AMD64, ids)).toEqual(await withImages(name, ids));
  });

  it.each([["linux/amd64"], ["linux/arm64"]])("takes %s out of stereoscope-multiplatform_oci_dir", async (text) => {
    const source = `oci:${fixturePath("oci-layouts/stereoscope-multiplatform_oci_dir")}`;
    const platforms = await withSource(source, parsePlatform(text), (images) =>
      images.map(({ platform }) => `${platform.os}/${platform.architecture}`),
    );
    expect(platforms).toEqual([text]);
  });
});

function withImages<T>(name: string, use: (images: readonly Image[]) => T | Promise<T>): Promise<T> {
  const transport = name.startsWith("images/") ? "oci-archive" : "oci";
  const platform = name.startsWith("images/") ? undefined : AMD64;
  return withSource(`${transport}:${fixturePath(name)}`, platform, use);
}

async function withSource<T>(
  text: string,
  platform: Platform | undefined,
  use: (images: readonly Image[]) => T | Promise<T>,
): Promise<T> {
  const directoryTar = (): never => expect.fail("no directory is opened");
  await using source = await openSource(text, { spoolDirectory: scratchDirectory(), directoryTar, platform });
  return await use(source?.images ?? []);
}

function describeImage(image: Image): string {
  return `${image.layers.length}: ${image.names.map(familiarString).join(", ")}`;
}
