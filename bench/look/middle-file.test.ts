import { describe, expect, it } from "vitest";
import { nearestToMiddle } from "./middle-file.ts";
import type { TarListedNode } from "./tar-listing.ts";

function entry(path: string, offset: number, size: number | null): TarListedNode {
  return { path, offset, size, type: size === null ? "directory" : "file", mode: 0o644, target: null };
}

const ENTRIES = [
  entry("first", 0, 10),
  entry("odd name", 480, 10),
  entry("empty", 490, 0),
  entry("directory", 500, null),
  entry("large", 510, 100_000),
  entry("hidden", 520, 10),
  entry("near", 600, 10),
  entry("last", 1000, 10),
];

describe("nearestToMiddle", () => {
  it("takes the small file with a plain name that the image shows", () => {
    const visible = new Set(ENTRIES.map(({ path }) => path).filter((path) => path !== "hidden"));
    expect(nearestToMiddle(ENTRIES, visible)).toBe("near");
  });

  it("is null where the image shows none of them", () => {
    expect(nearestToMiddle(ENTRIES, new Set())).toBeNull();
  });
});
