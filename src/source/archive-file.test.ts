import { execFileSync } from "node:child_process";
import { mkdir, mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { PassThrough, Readable } from "node:stream";
import { gzipSync, zstdCompressSync } from "node:zlib";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { buildTar } from "../../test/support/archive-builder.ts";
import { type ArchiveInput, openArchiveFile } from "./archive-file.ts";
import { readExtent } from "./extent.ts";

let directory: string;
let spoolDirectory: string;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "layerfs-archive-"));
  spoolDirectory = join(directory, "spool");
  await mkdir(spoolDirectory);
});
afterEach(() => rm(directory, { recursive: true }));

const CONTENT = Buffer.alloc(1_000_001, "content ");
const TAR = buildTar([
  { name: "a", content: "1" },
  { name: "b", content: CONTENT },
]);

async function fileOf(bytes: Buffer): Promise<string> {
  const path = join(directory, "x.tar");
  await writeFile(path, bytes);
  return path;
}

function streamOf(bytes: Buffer, chunkSize = 65_536): ArchiveInput {
  const chunks = Array.from({ length: Math.ceil(bytes.length / chunkSize) }, (_, index) =>
    bytes.subarray(index * chunkSize, (index + 1) * chunkSize),
  );
  return { stream: Readable.from(chunks) };
}

async function contentOfB(input: ArchiveInput): Promise<Buffer> {
  const archive = await openArchiveFile(input, { spoolDirectory });
  try {
    const { offset, size } = archive.index.file("b");
    const extent = { fd: archive.file.fd, offset, length: size };
    const chunks: Uint8Array[] = [];
    for await (const chunk of readExtent(extent, "x")) chunks.push(chunk);
    return Buffer.concat(chunks);
  } finally {
    await archive.close();
  }
}

describe("openArchiveFile", () => {
  it.each([
    ["plain", TAR],
    ["gzip", gzipSync(TAR)],
    ["zstd", zstdCompressSync(TAR)],
  ])("reads a %s archive from a file and from a stream", async (_, bytes) => {
    expect((await contentOfB(await fileOf(bytes))).equals(CONTENT)).toBe(true);
    expect((await contentOfB(streamOf(bytes))).equals(CONTENT)).toBe(true);
    expect((await contentOfB(streamOf(bytes, 1000))).equals(CONTENT)).toBe(true);
  });

  it("reads a fifo as a stream", async () => {
    const fifo = join(directory, "fifo");
    execFileSync("mkfifo", [fifo]);
    const [content] = await Promise.all([contentOfB(fifo), writeFile(fifo, TAR)]);
    expect(content.equals(CONTENT)).toBe(true);
  });

  it("leaves no name in the spool directory, not even while the archive is open", async () => {
    const archive = await openArchiveFile(streamOf(TAR), { spoolDirectory });
    expect(await readdir(spoolDirectory)).toEqual([]);
    await archive.close();
  });

  it("reads a plain file where it lies", async () => {
    const archive = await openArchiveFile(await fileOf(TAR), { spoolDirectory: join(directory, "absent") });
    expect(archive.index.file("a").size).toBe(1);
    await archive.close();
  });

  it("says that standard input is empty", async () => {
    await expect(openArchiveFile(streamOf(Buffer.alloc(0)), { spoolDirectory })).rejects.toThrow(
      expect.objectContaining({
        code: "INVALID_ARCHIVE",
        message: "requested load from stdin, but stdin is empty",
      }),
    );
  });

  it("refuses an empty file, a directory and an absent file", async () => {
    const open = (path: string): Promise<unknown> => openArchiveFile(path, { spoolDirectory });
    await expect(open(await fileOf(Buffer.alloc(0)))).rejects.toThrow("x.tar: it is empty");
    await expect(open(directory)).rejects.toThrow("found a directory");
    await expect(open(join(directory, "no.tar"))).rejects.toThrow(expect.objectContaining({ code: "NOT_FOUND" }));
  });

  it.each([
    ["a plain file", TAR.subarray(0, 700_000), "INVALID_TAR"],
    ["a gzip file", gzipSync(TAR).subarray(0, 1000), "INVALID_COMPRESSION"],
    ["a file that is no tar", Buffer.alloc(5000, "no tar "), "INVALID_TAR"],
  ])("refuses %s that is cut or of another kind, from a file and from a stream", async (_, bytes, code) => {
    const refusal = expect.objectContaining({ code });
    await expect(contentOfB(await fileOf(bytes))).rejects.toThrow(refusal);
    await expect(contentOfB(streamOf(bytes))).rejects.toThrow(refusal);
    expect(await readdir(spoolDirectory)).toEqual([]);
  });

  it("names a compression that it does not read", async () => {
    const xz = Buffer.concat([Buffer.from([0xfd, 0x37, 0x7a, 0x58, 0x5a, 0x00]), Buffer.alloc(100)]);
    await expect(contentOfB(await fileOf(xz))).rejects.toThrow(
      expect.objectContaining({ code: "UNSUPPORTED", message: expect.stringContaining("xz") }),
    );
  });

  it("says which spool directory it cannot use", async () => {
    const options = { spoolDirectory: join(directory, "absent") };
    await expect(openArchiveFile(streamOf(TAR), options)).rejects.toThrow(
      expect.objectContaining({ code: "SYSTEM", errno: "ENOENT", message: expect.stringContaining("absent") }),
    );
  });

  it("is cancelled while standard input gives nothing", async () => {
    const controller = new AbortController();
    const opening = openArchiveFile({ stream: new PassThrough() }, { spoolDirectory, signal: controller.signal });
    controller.abort();
    await expect(opening).rejects.toThrow(expect.objectContaining({ code: "CANCELLED" }));
  });
});
