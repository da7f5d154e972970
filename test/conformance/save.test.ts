import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import type { Engine, LoadInput } from "../../src/engine/engine.ts";
import { dockerd, startDockerd } from "../support/dockerd.ts";
import { machineRoot, overlay } from "../support/filesystems.ts";
import { requires, requiresHere } from "../support/requires.ts";
import { archivedImages, layoutImages } from "../support/saved-archive.ts";
import { scratchDirectory } from "../support/scratch.ts";
import { testEngine } from "../support/stores.ts";
import { fixtureNames, fixturePath, needsFixtures } from "./fixtures.ts";

/** No image, or not all of one; images.test.ts and oci-layouts.test.ts say why. */
const REFUSED = new Set([
  "dive-test-gzip-image.tar",
  "dive-test-uncompressed-image.tar",
  "ggcr-no_manifest.tar",
  "moby-emptyLayer.tar",
  "snyk-nginx-os-release-link.tar",
  "snyk-oci-with-manifest.tar",
  "ggcr-test_index_media_type",
  "moby-special-configtarget",
  "moby-special-emptyindex",
  "moby-special-multilayer",
  "moby-special-multiplatform",
  "stereoscope-invalid_file",
  "stereoscope-no_manifests",
]);

const usable = ["images", "oci-layouts"].flatMap((folder) =>
  fixtureNames(folder)
    .filter((name) => !REFUSED.has(name))
    .map((name) => [`${folder}/${name}`, inputOf(folder, name)] as const),
);

describe("images of other projects", () => {
  needsFixtures();
  requires(machineRoot(), overlay());

  it.each(usable)("come out of %s as they went in", async (_name, input) => {
    const engine = await testEngine("overlay2");
    const { ids, layers } = await load(engine, input);
    const docker = archivedImages(await save(engine, ids));
    expect(docker.map(({ id }) => id)).toEqual(ids);
    expect(docker.map((image) => image.layers)).toEqual(layers);
    const packed = await save(engine, ids, "zstd");
    expect(layoutImages(packed).map((image) => image.layers)).toEqual(layers);
  });

  it("keep their ids through dockerd", { timeout: 60_000 }, async (context) => {
    requiresHere(context, dockerd());
    const place = scratchDirectory();
    await using daemon = await startDockerd(join(place, "root"), "overlay2");
    expect(usable.length).toBeGreaterThan(10);
    for (const [name, input] of usable) {
      const engine = await testEngine("overlay2");
      const { ids } = await load(engine, input);
      const back = join(place, "back.tar");
      daemon.docker("load", "-i", await save(engine, ids));
      daemon.docker("save", "-o", back, ...ids);
      const again = await (await testEngine("overlay2")).load({ file: back });
      expect(again.map(({ id }) => id as string).sort(), name).toEqual([...ids].sort());
    }
  });

  it.each(["manifest.json", "index.json", "repositories", "oci-layout"])(
    "get the %s that Docker wrote itself for hello-world",
    async (document) => {
      const archive = fixturePath("images", "snyk-hello-world.tar");
      const engine = await testEngine("overlay2");
      await engine.load({ file: archive });
      const file = join(scratchDirectory(), "saved.tar");
      await engine.save(["hello-world"], { file });
      expect(member(file, document)).toBe(member(archive, document));
    },
  );
});

function inputOf(folder: string, name: string): LoadInput {
  const path = fixturePath(folder, name);
  return folder === "images" ? { file: path } : { source: `oci:${path}` };
}

/** The images' ids, each once, and their diffIDs. */
async function load(engine: Engine, input: LoadInput): Promise<{ ids: string[]; layers: string[][] }> {
  const ids = [...new Set<string>((await engine.load(input)).map(({ id }) => id))];
  const layers: string[][] = [];
  for (const id of ids) layers.push((await engine.explain(id)).layers.map(({ diffID }) => diffID));
  return { ids, layers };
}

async function save(engine: Engine, ids: readonly string[], compression?: "zstd"): Promise<string> {
  const file = join(scratchDirectory(), "saved.tar");
  await engine.save(ids, { file }, { compression });
  return file;
}

function member(archive: string, name: string): string {
  const { status, stdout, stderr } = spawnSync("tar", ["-xOf", archive, name], { encoding: "utf8" });
  if (status !== 0) throw new Error(`${archive}: ${stderr}`);
  return stdout;
}
