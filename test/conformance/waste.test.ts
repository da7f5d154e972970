import { describe, expect, it, onTestFinished } from "vitest";
import { type Engine, openEngine } from "../../src/index.ts";
import { fixturePath, needsFixtures } from "./fixtures.ts";

needsFixtures();

describe("waste counts as dive does", () => {
  it("of its own test image, to the last digit", async () => {
    const waste = await (await reader()).waste(`docker-archive:${fixturePath("images", "dive-test-docker-image.tar")}`);
    expect(waste).toMatchObject({
      efficiency: 0.9844212134184309,
      sizeBytes: 1220598,
      userSizeBytes: 66237,
      wastedBytes: 32025,
      wastedUserPercent: 0.4834911001404049,
    });
    expect(waste.inefficient.map(({ path, count, bytes }) => `${path} ${count} ${bytes}`)).toEqual([
      "/root/example/somefile1.txt 2 12810",
      "/root/saved.txt 2 12810",
      "/root/example/somefile3.txt 2 6405",
    ]);
  });

  it.each(["gzip", "uncompressed"])("of an image without waste, its layers %s", async (form) => {
    const source = `oci-archive:${fixturePath("images", `dive-test-oci-${form}-image.tar`)}`;
    expect(await (await reader()).waste(source)).toMatchObject({ efficiency: 1, wastedBytes: 0, hidden: [] });
  });
});

async function reader(): Promise<Engine> {
  const engine = await openEngine({ root: "/proc/no-root", cacheDirectory: null });
  onTestFinished(() => engine[Symbol.asyncDispose]());
  return engine;
}
