import { execFileSync } from "node:child_process";
import { statfsSync } from "node:fs";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { reserveOf } from "../../src/layer/apply/space-guard.ts";
import { smallImage } from "../support/damage.ts";
import { fileSystem, makeFileSystem, overlay, type TestFileSystem } from "../support/filesystems.ts";
import { randomBytesOf } from "../support/random.ts";
import { type PullSite, pullSite } from "../support/registry/pull-site.ts";
import { pushImage } from "../support/registry/push-image.ts";
import { registry } from "../support/registry/registry.ts";
import { requires } from "../support/requires.ts";
import { layerTar } from "../support/tar-builder.ts";

const MiB = 1024 * 1024;

describe.each(["overlay2", "vfs"] as const)("a disk that a pull would fill, %s", { timeout: 60_000 }, (driver) => {
  const missing = requires(overlay(), fileSystem("ext4"), registry());
  let place: TestFileSystem;
  let site: PullSite;
  beforeEach(async () => {
    if (missing !== null) return;
    place = makeFileSystem("ext4", { size: "32M" });
    site = await pullSite(driver, { place: place.directory });
  });
  afterEach(async () => {
    await site?.[Symbol.asyncDispose]();
    place?.[Symbol.dispose]();
  });

  const freeBytes = (): number => {
    execFileSync("sync", ["-f", place.directory]);
    const { bfree, bsize } = statfsSync(place.directory);
    return bfree * bsize;
  };
  const reserve = (): number => {
    const { blocks, bsize } = statfsSync(place.directory);
    return reserveOf(blocks * bsize);
  };
  const push = (name: string, ...sizes: readonly number[]) => {
    const layers = sizes.map((size, index) =>
      layerTar(
        Array.from({ length: Math.ceil(size / MiB) }, (_, file) => ({
          name: `${index}-${file}`,
          data: randomBytesOf(`${name} ${index} ${file}`, MiB),
        })),
      ),
    );
    return pushImage(site.registry, name, { tags: [], layers }, { compress: "none" });
  };

  it.each([
    ["by one layer", [40 * MiB]],
    ["by several layers", [6 * MiB, 6 * MiB, 6 * MiB, 6 * MiB]],
  ])("%s keeps its reserve, and the store works on", async (_, sizes) => {
    const root = site.newRoot();
    await pushImage(site.registry, "lab/small:1", smallImage("small:1", "small"));
    await pushImage(site.registry, "lab/other:1", smallImage("other:1", "other"));
    expect(await site.layerfs(root, "-q", "pull", site.reference("lab/small:1"))).toMatchObject({ status: 0 });
    await push("lab/big:1", ...sizes);
    const { status, stdout, stderr } = await site.layerfs(root, "-q", "pull", site.reference("lab/big:1"));
    expect({ status, stdout }).toEqual({ status: 1, stdout: "" });
    expect(stderr).toMatch(/sha256:[0-9a-f]{64}/);
    expect(stderr).toMatch(/free some space/);
    const after = await site.look(root);
    expect(after.problems).toEqual([]);
    expect(after.images).toEqual([expect.stringContaining("lab/small:1")]);
    expect(freeBytes()).toBeGreaterThanOrEqual(reserve() - MiB);
    expect(await site.layerfs(root, "-q", "pull", site.reference("lab/other:1"))).toMatchObject({
      status: 0,
      stderr: "",
    });
    expect((await site.look(root)).problems).toEqual([]);
  });
});
