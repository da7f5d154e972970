import { spawnSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { openEngine } from "../../src/engine/open-engine.ts";
import { BASE, EDGE_CASES } from "../corpus/edge-layers.ts";
import { containerd, startContainerd } from "../support/containerd.ts";
import { dockerd, startDockerd } from "../support/dockerd.ts";
import { machineRoot, overlay } from "../support/filesystems.ts";
import { buildConfig, dockerArchive, type TestImage } from "../support/image-builder.ts";
import { program, requires, requiresHere } from "../support/requires.ts";
import { archivedImages } from "../support/saved-archive.ts";
import { expectedOf, filledEngine, nameless, one, saved, two } from "../support/saved-images.ts";
import { scratchDirectory } from "../support/scratch.ts";
import { testEngine } from "../support/stores.ts";

describe("others read it:", () => {
  requires(machineRoot(), overlay());
  const ids = [one, two, nameless].map((image) => buildConfig(image).id).sort();
  const words = ["lab/one", "two", buildConfig(nameless).id];

  it("dockerd, packed with gzip or not; and what dockerd saves of it layerfs loads", async (context) => {
    requiresHere(context, dockerd());
    const engine = await filledEngine();
    for (const compression of ["none", "gzip"] as const) {
      const file = await saved(engine, words, { compression });
      const root = join(scratchDirectory(), "root");
      const back = join(scratchDirectory(), "back.tar");
      await using daemon = await startDockerd(root, "overlay2");
      daemon.docker("load", "-i", file);
      expect(lines(daemon.docker("images", "-q", "--no-trunc"))).toEqual(ids);
      daemon.docker("save", "-o", back, ...words);
      const again = await testEngine("overlay2");
      expect((await again.load({ file: back })).map(({ id }) => id as string).sort()).toEqual(ids);
      const layersOf = (file: string) => Object.fromEntries(archivedImages(file).map(({ id, layers }) => [id, layers]));
      expect(layersOf(await saved(again, words))).toEqual(layersOf(file));
    }
  });

  it("podman", async (context) => {
    requiresHere(context, program("podman"));
    const engine = await filledEngine();
    for (const options of [{}, { compression: "gzip" }, { compression: "zstd" }] as const) {
      const place = scratchDirectory();
      const podman = (...argv: string[]): string =>
        run(
          "podman",
          "--root",
          `${place}/r`,
          "--runroot",
          `${place}/rr`,
          "--tmpdir",
          `${place}/t`,
          "--storage-driver",
          "vfs",
          ...argv,
        );
      podman("load", "-q", "-i", await saved(engine, words, options));
      expect(lines(podman("images", "-q", "--no-trunc", "--all"))).toEqual(ids);
    }
  });

  it("skopeo", async (context) => {
    requiresHere(context, program("skopeo"));
    const engine = await filledEngine();
    const place = scratchDirectory();
    const { id } = buildConfig(two);
    await engine.save(["two"], { destination: `oci:${place}/layout:v1` });
    for (const compression of ["none", "gzip", "zstd"] as const) {
      const file = await saved(engine, ["two"], { compression });
      const oci = await saved(engine, ["two"], { compression, as: "oci" });
      for (const source of [
        `docker-archive:${file}`,
        `oci-archive:${file}`,
        `oci-archive:${oci}`,
        `oci:${place}/layout:v1`,
      ]) {
        const target = join(scratchDirectory(), "dir");
        run("skopeo", "copy", "-q", "--insecure-policy", source, `dir:${target}`);
        expect(JSON.parse(readFileSync(join(target, "manifest.json"), "utf8")).config.digest, source).toBe(id);
      }
    }
  });

  it("containerd", async (context) => {
    requiresHere(context, containerd());
    const engine = await filledEngine();
    for (const compression of ["none", "gzip", "zstd"] as const) {
      await using daemon = await startContainerd();
      const file = await saved(engine, words, { compression });
      daemon.ctr("images", "import", file);
      const names = lines(daemon.ctr("images", "ls", "-q"));
      expect(names).toEqual(
        expect.arrayContaining(["docker.io/lab/one:1", "docker.io/lab/one:2", "docker.io/library/two:latest"]),
      );
      const [, , digest = ""] =
        daemon.ctr("images", "ls", "name==docker.io/library/two:latest").split("\n").at(-1)?.split(/\s+/) ?? [];
      expect(JSON.parse(daemon.ctr("content", "get", digest)).config.digest).toBe(buildConfig(two).id);
    }
  });
});

/** Odd layers that dockerd does not load. */
const REFUSED: Readonly<Record<"overlay2" | "vfs", readonly string[]>> = {
  overlay2: words(
    "sparse-gnu add-then-wh hardlink-to-lower hardlink-before-target dup-entry dup-dir dup-dot-forms symlink-escape " +
      "contiguous-type7 unknown-type name-256",
  ),
  vfs: words(
    "sparse-gnu hardlink-before-target dup-entry dup-dir dup-dot-forms symlink-escape through-lower-file " +
      "contiguous-type7 unknown-type name-256",
  ),
};
/** Those that it loads, and keeps too little of to put them together again: it cannot save them itself. */
const LOST: Readonly<Record<"overlay2" | "vfs", readonly string[]>> = {
  overlay2: words("sparse-pax wh-with-data dir-with-size"),
  vfs: words("sparse-pax wh-with-data dir-with-size add-then-wh aufs-plnk"),
};

describe.each(["overlay2", "vfs"] as const)("a root that dockerd wrote, with %s,", (driver) => {
  requires(machineRoot(), overlay(), dockerd());
  const taken = EDGE_CASES.filter(({ name, layers }) => layers.length < 100 && !REFUSED[driver].includes(name));
  const images = new Map(
    taken.map(({ name, layers }): [string, TestImage] => [name, { tags: [`${name}:1`], layers: [BASE, ...layers] }]),
  );

  it("gives odd layers back byte for byte, while dockerd runs and afterwards", { timeout: 60_000 }, async () => {
    const place = scratchDirectory();
    const root = join(place, "root");
    writeFileSync(join(place, "odd.tar"), dockerArchive([...images.values()]));
    {
      await using daemon = await startDockerd(root, driver);
      daemon.docker("load", "-i", join(place, "odd.tar"));
      await expectSaved(root);
    }
    await expectSaved(root);
  });

  async function expectSaved(root: string): Promise<void> {
    await using engine = await openEngine({ root, driver });
    const whole = [...images].flatMap(([name, image]) => (LOST[driver].includes(name) ? [] : image));
    expect(whole.length).toBeGreaterThan(15);
    const file = await saved(
      engine,
      whole.flatMap(({ tags }) => tags),
    );
    expect(archivedImages(file)).toEqual(whole.map((image) => expectedOf(image)));
    for (const name of LOST[driver]) {
      await expect(saved(engine, [`${name}:1`]), name).rejects.toThrow(/^layer sha256:\w+: (file|its bytes)/);
    }
  }
});

function words(text: string): string[] {
  return text.split(" ");
}

function lines(text: string): string[] {
  return [...new Set(text.trim().split("\n"))].sort();
}

function run(name: string, ...words: readonly string[]): string {
  const { status, stdout, stderr } = spawnSync(name, words, { encoding: "utf8" });
  if (status !== 0) throw new Error(`${name} ${words.join(" ")}: ${stderr}`);
  return stdout;
}
