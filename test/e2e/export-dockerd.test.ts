import { spawnSync } from "node:child_process";
import { chmodSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { openEngine } from "../../src/index.ts";
import { inWholeSeconds, rowsOfImage } from "../support/docker-export.ts";
import { dockerd, exportedTree, startDockerd } from "../support/dockerd.ts";
import { compareTrees, dumpTree } from "../support/dump-tree.ts";
import { dockerArchive, type TestImage } from "../support/image-builder.ts";
import { requires } from "../support/requires.ts";
import { sampleImages } from "../support/sample-images.ts";
import { scratchDirectory } from "../support/scratch.ts";
import { layerTar } from "../support/tar-builder.ts";

const odd: TestImage = {
  tags: ["odd:1"],
  layers: [
    layerTar([
      { name: "dir/", type: "directory", mode: 0o1777, mtime: "1700000000.5" },
      {
        name: Buffer.from("dir/\xff\xfe", "latin1"),
        data: "bytes",
        mtime: "1700000001.999999999",
        uid: 1234,
        gid: 5678,
      },
      { name: "dir/first", data: "linked", xattrs: { "user.note": "n" } },
      { name: "dir/second", type: "hardlink", link: "dir/first", xattrs: { "user.note": "n" } },
      { name: "dir/fifo", type: "fifo" },
      { name: "dir/link", type: "symlink", link: "../../outside" },
      { name: "gone/", type: "directory" },
      { name: "gone/x", data: "x" },
      { name: "was-dir/", type: "directory" },
      { name: "was-dir/x", data: "x" },
    ]),
    layerTar([
      { name: ".wh.gone" },
      { name: "was-dir", data: "now a file", mode: 0o4755 },
      { name: "dir/.wh.link" },
      ...Array.from({ length: 60 }, (_, n) => ({ name: "deep/".repeat(n + 1), type: "directory" as const })),
      { name: `${"deep/".repeat(60)}file`, data: "deep" },
    ]),
  ],
};

describe("an exported tar", () => {
  requires(dockerd());

  it("unpacks to what docker export gives, times to the second, without what Docker adds", async () => {
    const started = BigInt(Date.now() - 2000) * 1_000_000n;
    // Of the fourth image dockerd's vfs makes directories for a whiteout of nothing.
    const images = [
      odd,
      ...sampleImages(1)
        .slice(0, 3)
        .map(({ image }) => image),
    ];
    const place = scratchDirectory();
    chmodSync(place, 0o755);
    const file = join(place, "images.tar");
    writeFileSync(file, dockerArchive(images));
    await using daemon = await startDockerd(join(place, "docker"), "vfs");
    daemon.docker("load", "-q", "-i", file);
    await using engine = await openEngine({ root: "/proc/no-root", cacheDirectory: null });
    for (const name of images.flatMap(({ tags }) => tags)) {
      const expected = rowsOfImage(dumpTree(exportedTree(daemon, daemon.docker("create", name, "sh"))), started);
      const tree = join(place, name.replace(":", "-"));
      const tar = `${tree}.tar`;
      mkdirSync(tree);
      await engine.exportToFile(`docker-archive:${file}:${name}`, tar);
      expect(spawnSync("tar", ["-xpf", tar, "-C", tree, "--numeric-owner"]).status).toBe(0);
      const found = inWholeSeconds(dumpTree(tree));
      expect(found.length).toBeGreaterThan(8);
      expect(compareTrees(expected, found)).toEqual([]);
    }
  });
});
