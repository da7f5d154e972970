import { existsSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { smallImage } from "../support/damage.ts";
import { fileSystem, makeFileSystem, overlay, type TestFileSystem } from "../support/filesystems.ts";
import { dockerArchive } from "../support/image-builder.ts";
import { type LayerfsProcess, startLayerfs } from "../support/layerfs-process.ts";
import { openFiles } from "../support/open-files.ts";
import { requires } from "../support/requires.ts";
import { sampleImages } from "../support/sample-images.ts";
import { scanStore } from "../support/scan-store.ts";

describe.each(["overlay2", "vfs"] as const)("commands that meet each other or a signal, %s", (driver) => {
  const missing = requires(overlay(), fileSystem("ext4"));
  const [large] = sampleImages(20);
  let place: TestFileSystem;
  let root: string;
  let file: string;
  beforeAll(() => {
    if (missing !== null) return;
    place = makeFileSystem("ext4");
    root = join(place.directory, "root");
    file = join(place.directory, "large.tar");
    writeFileSync(file, dockerArchive([large!.image]));
  });
  afterAll(() => place?.[Symbol.dispose]());

  const start = (...words: string[]): LayerfsProcess => startLayerfs(["--root", root, "-s", driver, ...words]);
  const present = (directory: string): string[] =>
    existsSync(join(root, directory)) ? readdirSync(join(root, directory)) : [];
  const until = async (isReached: () => boolean): Promise<void> => {
    for (let left = 4000; !isReached(); left--) {
      if (left === 0) throw new Error("it was not reached");
      await sleep(5);
    }
  };

  it.each([
    ["while it unpacks", "SIGINT", 130, () => present(`image/${driver}/layerdb/tmp`).length > 0],
    ["once a layer is registered", "SIGINT", 130, () => present(`image/${driver}/layerdb/sha256`).length > 0],
    ["while it unpacks", "SIGTERM", 143, () => present("layerfs/leases").some((name) => name.endsWith(".json"))],
  ] as const)(
    "a load that is interrupted %s by %s leaves nothing and exits with %i",
    async (_, signal, status, isReached) => {
      const { process, ended } = start("load", "-i", file);
      await until(isReached);
      process.kill(signal);
      expect(await ended).toMatchObject({ status, stdout: "", stderr: "layerfs: cancelled\n" });
      expect(scanStore(root, driver)).toEqual([]);
      expect(present(`image/${driver}/imagedb/content/sha256`)).toEqual([]);
    },
  );

  it("a load that waits for standard input is interrupted too", async () => {
    const { process, ended } = startLayerfs(["--root", root, "-s", driver, "load"], "open");
    await until(() => hasOpen(process.pid ?? 0, join(root, "layerfs/tmp/")));
    process.kill("SIGINT");
    expect(await ended).toMatchObject({ status: 130, stderr: "layerfs: cancelled\n" });
    expect(scanStore(root, driver)).toEqual([]);
  });

  it("several processes that load one image at the same moment all succeed, and it is there once", async () => {
    const small = join(place.directory, "small.tar");
    writeFileSync(small, dockerArchive([smallImage("small:1", "small")]));
    const endings = await Promise.all(Array.from({ length: 4 }, () => start("load", "-i", small).ended));
    for (const ending of endings)
      expect(ending).toMatchObject({ status: 0, stdout: "Loaded image: small:1\n", stderr: "" });
    expect(present(`image/${driver}/layerdb/sha256`)).toHaveLength(3);
    expect(scanStore(root, driver)).toEqual([]);
    expect(await start("rmi", "small:1").ended).toMatchObject({ status: 0 });
  });

  it("a load takes over what another was interrupted in, and succeeds", async () => {
    const first = start("load", "-i", file);
    await until(() => present(`image/${driver}/layerdb/tmp`).length > 0);
    const second = start("load", "-i", file);
    await sleep(400);
    first.process.kill("SIGINT");
    const [one, other] = await Promise.all([first.ended, second.ended]);
    expect([0, 130]).toContain(one.status);
    expect(other).toMatchObject({ status: 0, stdout: "Loaded image: a:1\n" });
    expect(scanStore(root, driver)).toEqual([]);
    expect(await start("rmi", "a:1").ended).toMatchObject({ status: 0 });
  });
});

/** Whether the process has a file open whose path, then or now, begins so. */
function hasOpen(pid: number, path: string): boolean {
  return openFiles(pid).some((target) => target.startsWith(path));
}
