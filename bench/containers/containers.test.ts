import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { program, requires } from "../../test/support/requires.ts";
import { scratchDirectory } from "../../test/support/scratch.ts";
import type { LayerNode } from "../look/middle-file.ts";
import { changedFilesTar, spread } from "./changed-files.ts";
import { containersReport } from "./render.ts";
import type { ContainerResults, ContainerSample } from "./results.ts";

function file(path: string): LayerNode {
  return { path, type: "file", mode: 0o644, size: 1, target: null, layer: 0 };
}

const FILES = ["a/1", "a/2", "a/odd name", "b/3", "b/4"].map(file);
const NODES = [{ ...file("a"), type: "directory" as const }, ...FILES];

describe("the files that are changed", () => {
  requires(program("tar"));

  it("are files with plain names from all over the image", () => {
    expect(spread(NODES, 1)).toEqual(["a/1"]);
    expect(spread(NODES, 2)).toEqual(["a/1", "b/3"]);
    expect(spread(NODES, 4)).toEqual(["a/1", "a/2", "b/3", "b/4"]);
  });

  it("are not more than the image has", () => {
    expect(() => spread(NODES, 5)).toThrow("has 4 files with plain names, 5 are needed");
  });

  it("are 1 KiB each in a tar that names no directories", () => {
    const tar = changedFilesTar(NODES, 2, join(scratchDirectory(), "changes"));
    const { stdout } = spawnSync("tar", ["--list", "--verbose", "--file", tar], { encoding: "utf8" });
    expect(stdout.trimEnd().split("\n")).toEqual([
      expect.stringMatching(/^-.* 1024 .* a\/1$/),
      expect.stringMatching(/^-.* 1024 .* b\/3$/),
    ]);
  });
});

function sample(peer: string, milliseconds: number): ContainerSample {
  return { task: "create + rm", peer, isOurs: peer.startsWith("layerfs"), milliseconds };
}

const RESULTS: ContainerResults = {
  date: "2026-01-15T00:00:00.000Z",
  machine: {
    processor: "A processor",
    cores: 2,
    memoryBytes: 8 * 2 ** 30,
    kernel: "6.1",
    system: "Debian 12",
    fileSystem: "a fresh ext4",
  },
  image: "large",
  versions: { podman: "4.3.1" },
  missing: [{ what: "buildah", reason: "there is no buildah on PATH" }],
  samples: [
    sample("podman", 80),
    sample("layerfs, library", 9),
    sample("docker, API", 20),
    sample("layerfs, library", 11),
  ],
};

describe("containersReport", () => {
  const { markdown, picture } = containersReport(RESULTS);

  it("puts the fastest peer first, and compares with the fastest one that is not layerfs", () => {
    expect(markdown.split("\n").filter((line) => line.startsWith("| create"))).toEqual([
      "| create + rm | layerfs, library | 10.0 | 9.0-11.0 | 0.50 |",
      "| create + rm | docker, API | 20.0 | 20.0-20.0 | 1.00 |",
      "| create + rm | podman | 80.0 | 80.0-80.0 | 4.00 |",
    ]);
  });

  it("tells what was not measured", () => {
    expect(markdown).toContain("Not measured: buildah, because there is no buildah on PATH.\n");
  });

  it("draws a bar for each peer, in milliseconds", () => {
    expect([...picture.matchAll(/<rect x="174"/g)]).toHaveLength(3);
    expect(picture).toContain("10.0 ms (0.50)");
  });
});
