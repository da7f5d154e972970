import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { dockerArchive, type TestImage } from "../../test/support/image-builder.ts";
import { OciLayout } from "../../test/support/oci-builder.ts";
import { scratchDirectory } from "../../test/support/scratch.ts";
import { layerTar } from "../../test/support/tar-builder.ts";
import type { Digest } from "../core/digest.ts";
import { digestOf } from "../core/digest.ts";
import { parsePlatform } from "../core/platform.ts";
import { openArchive, openSource, type SourceOptions } from "./open-source.ts";

const TAR = layerTar([{ name: "a", data: "one" }]);
const image: TestImage = { tags: ["a:1", "a:2"], layers: [TAR] };

function options(more: Partial<SourceOptions> = {}): SourceOptions {
  return {
    spoolDirectory: scratchDirectory(),
    directoryTar: async function* () {
      yield TAR;
    },
    ...more,
  };
}

function archive(...images: readonly TestImage[]): string {
  const file = join(scratchDirectory(), "archive.tar");
  writeFileSync(file, dockerArchive(images));
  return file;
}

describe("a source", () => {
  it.each(["nginx", "nginx:1", "sha256:00"])("is not what %s names", (text) => {
    expect(openSource(text, options())).toBeNull();
  });

  it("of a docker-archive keeps of an image the name that it was chosen by", async () => {
    await using source = await openSource(`docker-archive:${archive(image)}:a:2`, options());
    expect(source?.images.map(({ names }) => names)).toMatchObject([[{ path: "library/a", tag: "2" }]]);
  });

  it.each([
    [":b", "there is no image b", "it holds a:1, a:2"],
    [":@1", "there is no image @1", "it holds 1"],
  ])("of a docker-archive is refused with %s", async (choice, message, hint) => {
    await expect(openSource(`docker-archive:${archive(image)}${choice}`, options())).rejects.toMatchObject({
      code: "NOT_FOUND",
      message: expect.stringContaining(message),
      hint,
    });
  });

  it("must have the platform that is asked for, or says which it has", async () => {
    const layout = new OciLayout();
    const text = `oci:${layout.entries(layout.image(image)).write()}`;
    await using source = await openSource(text, options({ platform: parsePlatform("linux/amd64") }));
    expect(source?.images).toHaveLength(1);
    await expect(openSource(text, options({ platform: parsePlatform("linux/arm64") }))).rejects.toMatchObject({
      code: "NOT_FOUND",
      message: `${text}: no image for linux/arm64, only for linux/amd64`,
      hint: "choose one with --platform linux/amd64",
    });
  });

  it("of a directory is one layer with the tar that is handed in, and an id of the tree and the platform", async () => {
    const ids: (Digest | undefined)[] = [];
    for (const platform of ["linux/amd64", "linux/amd64", "linux/arm/v7"]) {
      await using source = await openSource("dir:/somewhere", options({ platform: parsePlatform(platform) }));
      expect(source?.images[0]?.layers[0]).toMatchObject({ diffID: digestOf(TAR), extent: { length: TAR.length } });
      ids.push(source?.images[0]?.id);
    }
    expect(ids[1]).toBe(ids[0]);
    expect(ids[2]).not.toBe(ids[0]);
  });
});

describe("an archive", () => {
  it.each([
    ["a docker-archive", () => dockerArchive([image])],
    ["an OCI layout", () => ((layout) => layout.entries(layout.image(image)).tar())(new OciLayout())],
  ])("is told by its content to be %s", async (_, bytes) => {
    const file = join(scratchDirectory(), "archive.tar");
    writeFileSync(file, bytes());
    await using source = await openArchive(file, options());
    expect(source.images[0]?.config.rootfs.diffIDs).toEqual([digestOf(TAR)]);
  });

  it("that is neither is refused as a docker-archive", async () => {
    const file = join(scratchDirectory(), "archive.tar");
    writeFileSync(file, TAR);
    await expect(openArchive(file, options())).rejects.toMatchObject({ hint: expect.stringContaining("docker save") });
  });
});
