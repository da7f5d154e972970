import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { mounting, program, requires, root } from "../../test/support/requires.ts";
import { scratchDirectory } from "../../test/support/scratch.ts";
import { openNamelessFile } from "../sys/nameless-file.ts";
import { fileOutput } from "./output.ts";
import { openSpoolFile } from "./spool-file.ts";

async function expectSpooling(directory: string): Promise<void> {
  const { file: opened, write } = await openSpoolFile(directory);
  await using file = opened;
  await write(Buffer.from("first"));
  await write(Buffer.from("at"), 10);
  expect(readdirSync(directory)).toEqual([]);
  const { buffer, bytesRead } = await file.read(Buffer.alloc(20), 0, 20, 0);
  expect(buffer.toString("latin1", 0, bytesRead)).toBe("first\0\0\0\0\0at");
}

describe("a spool file", () => {
  it("keeps bytes at any place without a name", async () => {
    await expectSpooling(scratchDirectory());
  });

  it("is refused in a directory that is absent", async () => {
    await expect(openSpoolFile("/proc/no-directory")).rejects.toMatchObject({ code: "SYSTEM", errno: "ENOENT" });
  });
});

describe("a file system that has no nameless files", () => {
  const missing = requires(root(), mounting(), program("fuse-overlayfs"));
  let place: string;
  let directory: string;
  beforeAll(() => {
    if (missing !== null) return;
    place = mkdtempSync(join(tmpdir(), "layerfs-fuse-"));
    const [lower, upper, work, merged] = ["l", "u", "w", "m"].map((name) => join(place, name));
    for (const made of [lower, upper, work, merged]) mkdirSync(made!);
    const options = `lowerdir=${lower},upperdir=${upper},workdir=${work}`;
    const { status, stderr } = spawnSync("fuse-overlayfs", ["-o", options, merged!], { encoding: "utf8" });
    if (status !== 0) throw new Error(`fuse-overlayfs: ${stderr}`);
    directory = merged!;
  });
  afterAll(() => {
    if (missing !== null) return;
    spawnSync("umount", [directory]);
    rmSync(place, { recursive: true });
  });

  it("is told from one that has", async () => {
    expect(await openNamelessFile(directory, 0o600)).toBeNull();
  });

  it("has spool files all the same", async () => {
    await expectSpooling(directory);
  });

  it("has archives that appear when they are whole", async () => {
    await using output = await fileOutput(join(directory, "file"));
    await output.write(Buffer.from("content"));
    expect(readdirSync(directory)).toEqual([expect.stringMatching(/^\.file\.[0-9a-f]+\.tmp$/)]);
    await output.commit();
    expect(readdirSync(directory)).toEqual(["file"]);
    expect(readFileSync(join(directory, "file"), "utf8")).toBe("content");
  });
});
