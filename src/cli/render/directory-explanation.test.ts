import { describe, expect, it } from "vitest";
import { DIRECTORY_EXPLANATION } from "../../../test/support/command-line.ts";
import type { DirectoryExplanation } from "../../engine/explain/explanation.ts";
import { renderDirectoryExplanation } from "./directory-explanation.ts";

const container = { id: "c0ffee".padEnd(64, "0"), name: "web" };
const unrecorded = { ...DIRECTORY_EXPLANATION, layer: null, images: [] };

describe("renderDirectoryExplanation", () => {
  it("tells of a layer which images have it, and as which", () => {
    expect(renderDirectoryExplanation({ ...DIRECTORY_EXPLANATION, path: "/etc/passwd" })).toBe(
      [
        "An image layer of 1 image (driver overlay2)",
        "  cache-id   lowest",
        "  directory  /root/overlay2/lowest/diff",
        "  link       l/LOWEST",
        `  diffID     ${DIRECTORY_EXPLANATION.layer!.diffID}`,
        `  chainID    ${DIRECTORY_EXPLANATION.layer!.chainID}`,
        "  size       1.24MB",
        "",
        "nginx:latest: layer 1 of 2",
        "  COPY lowest / # buildkit",
        "",
        "What the image shows there:",
        "layerfs explain nginx:latest /etc/passwd",
        "",
      ].join("\n"),
    );
  });

  it.each<[string, DirectoryExplanation]>([
    ["An image layer of no image and no container: nothing uses it", { ...DIRECTORY_EXPLANATION, images: [] }],
    [
      "An image layer of 1 container (web (c0ffee000000))",
      { ...DIRECTORY_EXPLANATION, images: [], containers: [container] },
    ],
    ["An image layer of 1 image and 1 container", { ...DIRECTORY_EXPLANATION, containers: [container] }],
    [
      "The read-write layer of container web (c0ffee000000)",
      { ...unrecorded, role: "container", containers: [container] },
    ],
    [
      "The init layer of container c0ffee000000, between",
      { ...unrecorded, role: "container-init", containers: [{ ...container, name: null }] },
    ],
    ["The read-write layer of the mount at /mnt", { ...unrecorded, role: "mount", owner: "/mnt" }],
    ["Not finished: load", { ...unrecorded, role: "unfinished", owner: "load" }],
    ["An orphan: no image, container or mount uses it", { ...unrecorded, role: "orphan" }],
  ])("says: %s", (sentence, explanation) => {
    expect(renderDirectoryExplanation(explanation)).toContain(sentence);
  });

  it("tells what a container's directory stands on", () => {
    const { images } = DIRECTORY_EXPLANATION;
    const text = renderDirectoryExplanation({ ...unrecorded, role: "container", containers: [container], images });
    expect(text).toMatch(/\n\nStands on nginx:latest, 2 layers\n$/);
  });

  it("says that files are missing", () => {
    const text = renderDirectoryExplanation({ ...unrecorded, role: "orphan", directory: null });
    expect(text).toContain("  directory  (missing)\n");
  });
});
