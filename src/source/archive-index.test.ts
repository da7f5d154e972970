import { describe, expect, it } from "vitest";
import { type ArchivePart, buildTar } from "../../test/support/archive-builder.ts";
import { tarReader } from "../tar/reader.ts";
import { type ArchiveIndex, archiveIndexer } from "./archive-index.ts";

function index(parts: readonly ArchivePart[], chunkSize = 100): { tar: Buffer; index: ArchiveIndex } {
  const tar = buildTar(parts);
  const { handler, index } = archiveIndexer("x.tar");
  const reader = tarReader(handler);
  for (let at = 0; at < tar.length; at += chunkSize) reader.write(tar.subarray(at, at + chunkSize));
  reader.end();
  return { tar, index };
}

describe("archiveIndexer", () => {
  it.each([1, 100, 512, 10_000])("finds files where they lie, read in chunks of %d bytes", (chunkSize) => {
    const { tar, index: found } = index(
      [
        { name: "a", content: "first" },
        { name: "d/b", content: "x".repeat(700) },
        { name: "c", content: "last" },
      ],
      chunkSize,
    );
    const { offset, size } = found.file("d/b");
    expect(tar.subarray(offset, offset + size).toString()).toBe("x".repeat(700));
    expect(found.file("c")).toEqual({ offset: 512 * 6, size: 4 });
  });

  it("finds a file however its path is written", () => {
    const { index: found } = index([{ name: "./d//a", content: "1" }]);
    expect(found.file("d/a")).toEqual(found.file("/x/../d/./a"));
    expect([found.has("d/a"), found.has("d/b"), found.has("../d/a")]).toEqual([true, false, false]);
  });

  it("takes the last of two entries of one path", () => {
    const { index: found } = index([
      { name: "a", content: "old" },
      { name: "a", content: "newer" },
    ]);
    expect(found.file("a").size).toBe(5);
  });

  it("follows symbolic links, also to what comes later", () => {
    const { index: found } = index([
      { name: "b/layer.tar", linkTo: "../a/layer.tar" },
      { name: "a/layer.tar", linkTo: "real.tar" },
      { name: "a/real.tar", content: "layer" },
    ]);
    expect(found.file("b/layer.tar")).toEqual(found.file("a/real.tar"));
  });

  it("follows hard links from the archive's root to what comes before", () => {
    const { index: found } = index([
      { name: "a/layer.tar", content: "layer" },
      { name: "b/layer.tar", linkTo: "a/layer.tar", type: "1" },
      { name: "a/layer.tar", content: "another" },
    ]);
    expect(found.file("b/layer.tar").size).toBe(5);
  });

  it.each<[string, ArchivePart[], string]>([
    ["an absent file", [], "there is no a"],
    ["a link to an absent file", [{ name: "a", linkTo: "b" }], "there is no a, which is a link to b"],
    ["a link that leaves the archive", [{ name: "a", linkTo: "../etc/passwd" }], "leaves the archive"],
    ["a link to an absolute path", [{ name: "a", linkTo: "/etc/passwd" }], "leaves the archive"],
    ["a link to itself", [{ name: "a", linkTo: "a" }], "more than 40"],
    [
      "links in a circle",
      [
        { name: "a", linkTo: "b" },
        { name: "b", linkTo: "a" },
      ],
      "more than 40",
    ],
    ["a hard link to nothing", [{ name: "a", linkTo: "b", type: "1" }], "not before it"],
    ["a directory", [{ name: "a", type: "5" }], "found a directory"],
    ["a device", [{ name: "a", type: "3" }], "found a char"],
  ])("refuses %s where a file is asked for", (_, parts, problem) => {
    expect(() => index(parts).index.file("a")).toThrow(
      expect.objectContaining({ code: "INVALID_ARCHIVE", message: expect.stringContaining(problem) }),
    );
  });

  it("refuses a path that leaves the archive, though an entry has that very name", () => {
    const { index: found } = index([{ name: "../a", content: "1" }]);
    expect(() => found.file("../a")).toThrow("does not lie in it");
  });

  it.each([
    ["entries", { maxEntries: 1, maxPathBytes: 100 }],
    ["bytes of names", { maxEntries: 100, maxPathBytes: 3 }],
  ])("refuses an archive with too many %s", (_, limits) => {
    const reader = tarReader(archiveIndexer("x.tar", limits).handler);
    expect(() => reader.write(buildTar([{ name: "aa" }, { name: "bb" }]))).toThrow(
      expect.objectContaining({ code: "LIMIT_EXCEEDED" }),
    );
  });
});
