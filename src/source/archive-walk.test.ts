import { mkdtemp, open, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { buildTar } from "../../test/support/archive-builder.ts";
import { type ArchiveIndex, archiveIndexer } from "./archive-index.ts";
import { walkArchive } from "./archive-walk.ts";

let directory: string;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "layerfs-walk-"));
});
afterEach(() => rm(directory, { recursive: true }));

async function walk(tar: Buffer, length = tar.length, signal?: AbortSignal): Promise<ArchiveIndex> {
  const path = join(directory, "x.tar");
  await writeFile(path, tar.subarray(0, length));
  const file = await open(path);
  try {
    const { handler, index } = archiveIndexer(path);
    await walkArchive(file, length, handler, signal);
    return index;
  } finally {
    await file.close();
  }
}

const BIG = Buffer.alloc(1_300_001, "b");
const TAR = buildTar([
  { name: "small", content: "s" },
  { name: "big", content: BIG },
  { name: "last", content: "end" },
]);

describe("walkArchive", () => {
  it("finds every file's bytes", async () => {
    const index = await walk(TAR);
    for (const [name, content] of [
      ["small", Buffer.from("s")],
      ["big", BIG],
      ["last", Buffer.from("end")],
    ] as const) {
      const { offset, size } = index.file(name);
      expect(TAR.subarray(offset, offset + size).equals(content)).toBe(true);
    }
  });

  it("stops at the end marker, whatever follows it", async () => {
    const index = await walk(Buffer.concat([TAR, Buffer.alloc(512, "junk")]));
    expect(index.has("last")).toBe(true);
  });

  it("reads an archive without end marker", async () => {
    expect((await walk(TAR, TAR.length - 1024)).has("last")).toBe(true);
  });

  it.each([
    ["a header", 300],
    ["a payload", 512 * 3 + 700_000],
    ["the last payload", TAR.length - 1024 - 511],
  ])("refuses an archive that ends inside %s, with the offset", async (_, length) => {
    await expect(walk(TAR, length)).rejects.toThrow(
      expect.objectContaining({ code: "INVALID_TAR", message: expect.stringContaining(String(length)) }),
    );
  });

  it("refuses what is no tar", async () => {
    await expect(walk(Buffer.alloc(2048, "x"))).rejects.toThrow(expect.objectContaining({ code: "INVALID_TAR" }));
  });

  it("stops when it is cancelled", async () => {
    await expect(walk(TAR, TAR.length, AbortSignal.abort())).rejects.toThrow(
      expect.objectContaining({ code: "CANCELLED" }),
    );
  });
});
