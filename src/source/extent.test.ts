import { type FileHandle, mkdtemp, open, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { readExtent } from "./extent.ts";

const BYTES = Buffer.from(Array.from({ length: 1_200_000 }, (_, index) => index % 251));
let directory: string;
let file: FileHandle;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "layerfs-extent-"));
  await writeFile(join(directory, "x"), BYTES);
  file = await open(join(directory, "x"));
});
afterEach(async () => {
  await file.close();
  await rm(directory, { recursive: true });
});

async function read(offset: number, length: number): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of readExtent({ fd: file.fd, offset, length }, "archive x")) chunks.push(chunk);
  return Buffer.concat(chunks);
}

it.each([
  [0, 1_200_000],
  [7, 600_000],
  [1_199_999, 1],
  [5, 0],
])("reads from byte %d %d bytes", async (offset, length) => {
  expect((await read(offset, length)).equals(BYTES.subarray(offset, offset + length))).toBe(true);
});

it("reads many runs at the same time", async () => {
  const runs = await Promise.all([read(0, 600_000), read(600_000, 600_000), read(0, 600_000)]);
  expect(runs.map((run, index) => run.equals(BYTES.subarray((index % 2) * 600_000).subarray(0, 600_000)))).toEqual([
    true,
    true,
    true,
  ]);
});

it("says where the file ends too early", async () => {
  await expect(read(1_000_000, 200_001)).rejects.toThrow(
    expect.objectContaining({ code: "INVALID_ARCHIVE", message: expect.stringContaining("ends at byte 1200000") }),
  );
});
