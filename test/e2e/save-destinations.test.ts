import { readdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { buildConfig } from "../support/image-builder.ts";
import { archivedImages, layoutImages } from "../support/saved-archive.ts";
import { expectedOf, filledEngine, NAMES, one, two } from "../support/saved-images.ts";
import { scratchDirectory } from "../support/scratch.ts";

describe("an OCI layout", () => {
  it("keeps its other images, and what it does not know of them", async () => {
    const engine = await filledEngine();
    const directory = join(scratchDirectory(), "layout");
    await engine.save(["two"], { destination: `oci:${directory}:a` });
    const index = JSON.parse(readFileSync(join(directory, "index.json"), "utf8"));
    index.manifests[0].annotations.other = "kept";
    index.more = "kept";
    writeFileSync(join(directory, "index.json"), JSON.stringify(index));
    await engine.save(["lab/one:1"], { destination: `oci:${directory}:b` });
    expect(JSON.parse(readFileSync(join(directory, "index.json"), "utf8"))).toMatchObject({
      more: "kept",
      manifests: [{ annotations: { other: "kept" } }, { annotations: { "org.opencontainers.image.ref.name": "b" } }],
    });
    expect(layoutImages(directory).map(({ id }) => id)).toEqual([buildConfig(two).id, buildConfig(one).id]);
  });

  it("gives a tag that is there to the new image", async () => {
    const engine = await filledEngine();
    const directory = join(scratchDirectory(), "layout");
    for (const name of ["two", "lab/one:1"]) await engine.save([name], { destination: `oci:${directory}:a` });
    expect(layoutImages(directory)).toEqual([expectedOf(one, ["a"])]);
    for (let time = 0; time < 2; time++) await engine.save(NAMES, { destination: `oci:${directory}` });
    expect(layoutImages(directory)).toHaveLength(1 + 2 + 1 + 1 + 1);
  });

  it("is written by several at once", async () => {
    const engine = await filledEngine();
    const directory = join(scratchDirectory(), "layout");
    const tags = Array.from({ length: 8 }, (_, index) => `t${index}`);
    await Promise.all(
      tags.map((tag, index) =>
        engine.save([index % 2 === 0 ? "two" : "lab/one:1"], { destination: `oci:${directory}:${tag}` }),
      ),
    );
    const images = layoutImages(directory);
    expect(images.flatMap(({ names }) => names).sort()).toEqual(tags);
    expect(readdirSync(directory).sort()).toEqual(["blobs", "index.json", "oci-layout"]);
  });

  it("is not made of a directory that holds something else", async () => {
    const engine = await filledEngine();
    const directory = scratchDirectory();
    writeFileSync(join(directory, "file"), "");
    await expect(engine.save(["two"], { destination: `oci:${directory}:a` })).rejects.toMatchObject({
      code: "CONFLICT",
    });
    expect(readdirSync(directory)).toEqual(["file"]);
  });

  it("takes no two images under one tag", async () => {
    const engine = await filledEngine();
    const place = scratchDirectory();
    await expect(engine.save(NAMES, { destination: `oci-archive:${place}/a.tar:x` })).rejects.toMatchObject({
      code: "USAGE",
      message: "4 images cannot have one name",
    });
    expect(readdirSync(place)).toEqual([]);
  });
});

describe("a destination by its transport", () => {
  it("names the image anew", async () => {
    const engine = await filledEngine();
    const place = scratchDirectory();
    await engine.save(["two"], { destination: `docker-archive:${place}/d.tar:other/name` });
    expect(archivedImages(join(place, "d.tar"))).toEqual([expectedOf(two, ["other/name:latest"])]);
    await engine.save(["two"], { destination: `oci-archive:${place}/o.tar:v1` });
    expect(layoutImages(join(place, "o.tar"))).toEqual([expectedOf(two, ["v1"])]);
  });

  it("keeps a symlink to the file", async () => {
    const engine = await filledEngine();
    const place = scratchDirectory();
    writeFileSync(join(place, "real.tar"), "");
    symlinkSync("real.tar", join(place, "link.tar"));
    await engine.save(["two"], { file: join(place, "link.tar") });
    expect(archivedImages(join(place, "real.tar"))).toHaveLength(1);
    expect(readFileSync(join(place, "link.tar")).equals(readFileSync(join(place, "real.tar")))).toBe(true);
  });
});
