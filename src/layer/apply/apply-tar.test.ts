import { createHash } from "node:crypto";
import { mkdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { requires, root } from "../../../test/support/requires.ts";
import { scratchDirectory } from "../../../test/support/scratch.ts";
import { layerTar, type TestEntry } from "../../../test/support/tar-builder.ts";
import { openDirectory } from "../../sys/at.ts";
import { close } from "../../sys/file.ts";
import { assembleTar } from "../../tar/tar-split.ts";
import { readLayerFile } from "../stored-tar.ts";
import { type AppliedTar, type ApplyTarOptions, applyTar } from "./apply-tar.ts";
import { treeTarget } from "./tree-target.ts";
import { Warnings } from "./warnings.ts";

const NO_LIMIT = { bytes: () => {}, node: () => {} };

/** Applies a tar in pieces of `step` bytes to a new directory. */
async function apply(
  tar: Buffer,
  options: Partial<ApplyTarOptions> = {},
  step = 1000,
): Promise<AppliedTar & { readonly directory: string }> {
  const directory = join(scratchDirectory(), "layer");
  mkdirSync(directory);
  async function* pieces(): AsyncGenerator<Buffer> {
    for (let at = 0; at < tar.length; at += step) yield tar.subarray(at, at + step);
  }
  const settings = { ignoreOwners: false, warnings: new Warnings(), implyRoot: true };
  using writer = treeTarget(openDirectory(directory), settings);
  const applied = await applyTar(pieces(), writer, { space: NO_LIMIT, ...options });
  writer.finish([]);
  return { ...applied, directory };
}

describe("applyTar", () => {
  requires(root());

  it("tells the digest of the tar, junk after its end included, and counts entries and bytes", async () => {
    const tar = Buffer.concat([
      layerTar([
        { name: "a", data: "12345" },
        { name: "b", type: "hardlink", link: "a" },
        { name: "d/", type: "directory" },
        { name: ".wh.x", data: "ignored" },
      ]),
      Buffer.from("junk"),
    ]);
    const digest = createHash("sha256").update(tar).digest("hex");
    expect(await apply(tar)).toMatchObject({ diffID: `sha256:${digest}`, size: 5, entries: 4 });
  });

  it.each([1, 511, 512, 100_000])("writes contents whole that come in pieces of %i bytes", async (step) => {
    const data = Buffer.alloc(3000, "0123456789");
    const { directory } = await apply(
      layerTar([
        { name: "a", data },
        { name: "b", data: "b" },
      ]),
      {},
      step,
    );
    expect(readFileSync(join(directory, "a"))).toEqual(data);
    expect(readFileSync(join(directory, "b"), "latin1")).toBe("b");
  });

  const kinds: TestEntry[] = [
    { name: "usr/", type: "directory" },
    { name: "usr/lib/x", data: "x".repeat(1500) },
    { name: "lib", type: "symlink", link: "usr/lib" },
    { name: "lib/through", data: "through a symlink" },
    { name: "../up", data: "through dots" },
    { name: "./hard", type: "hardlink", link: "usr/lib/x" },
    { name: "fifo", type: "fifo" },
    { name: "empty" },
    { name: ".wh.gone", data: "a whiteout with content" },
    { name: ".wh..wh.plnk/1", data: "reserved" },
    { name: "linked", type: "hardlink", link: ".wh..wh.plnk/1" },
  ];

  it("records the tar so that it is put together again from the files, byte for byte", async () => {
    const tar = Buffer.concat([layerTar(kinds), Buffer.alloc(700, "j")]);
    const lines: Buffer[] = [];
    const { directory } = await apply(tar, { onSplit: (part) => void lines.push(part) });
    const rootFd = openDirectory(directory);
    try {
      async function* records(): AsyncGenerator<Buffer> {
        yield* lines;
      }
      const parts: Buffer[] = [];
      for await (const part of assembleTar(records(), (name) => readLayerFile(rootFd, name))) parts.push(part);
      expect(Buffer.concat(parts)).toEqual(tar);
    } finally {
      close(rootFd);
    }
    expect(readFileSync(join(directory, "linked"), "latin1")).toBe("reserved");
  });

  it("keeps modes that the umask and a change of owner would alter", async () => {
    const old = process.umask(0o077);
    try {
      const { directory } = await apply(
        layerTar([
          { name: "d/", type: "directory", mode: 0o1777 },
          { name: "d/s", mode: 0o4755, uid: 1000, gid: 50, data: "s" },
        ]),
      );
      const modes = ["d", "d/s"].map((name) => (statSync(join(directory, name)).mode & 0o7777).toString(8));
      expect(modes).toEqual(["1777", "4755"]);
      expect(statSync(join(directory, "d/s"))).toMatchObject({ uid: 1000, gid: 50 });
    } finally {
      process.umask(old);
    }
  });

  it.each<[string, Buffer, object]>([
    ["a path that is there twice", layerTar([{ name: "a" }, { name: "./a" }]), { code: "INVALID_LAYER" }],
    ["a tar that is cut", layerTar([{ name: "a", data: "x".repeat(600) }]).subarray(0, 900), { code: "INVALID_TAR" }],
    ["a whiteout of the directory itself", layerTar([{ name: ".wh.." }]), { code: "INVALID_LAYER" }],
  ])("fails for %s", async (_, tar, expected) => {
    await expect(apply(tar)).rejects.toMatchObject(expected);
  });

  it("takes an empty archive", async () => {
    expect(await apply(Buffer.alloc(1024))).toMatchObject({
      diffID: "sha256:5f70bf18a086007016e948b04aed3b82103a36bea41755b6cddfaf10ace3c6ef",
      size: 0,
      entries: 0,
    });
  });

  it("stops with CANCELLED once its signal is aborted", async () => {
    await expect(apply(Buffer.alloc(1024), { signal: AbortSignal.abort() })).rejects.toMatchObject({
      code: "CANCELLED",
    });
  });
});
