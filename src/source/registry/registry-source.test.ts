import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { collect } from "../../../test/support/apply.ts";
import { buildConfig, type TestImage } from "../../../test/support/image-builder.ts";
import { OCI, OciLayout, type TestDescriptor } from "../../../test/support/oci-builder.ts";
import { pushImage, pushLayout } from "../../../test/support/registry/push-image.ts";
import { registry, startRegistry, type TestRegistry } from "../../../test/support/registry/registry.ts";
import { QUIET_SETTINGS } from "../../../test/support/registry/settings.ts";
import { requires } from "../../../test/support/requires.ts";
import { layerTar } from "../../../test/support/tar-builder.ts";
import type { Image } from "../../core/image.ts";
import { parsePlatform } from "../../core/platform.ts";
import { canonicalString, parseReference } from "../../core/reference.ts";
import { openRegistrySource } from "./registry-source.ts";

const tars = [layerTar([{ name: "a", data: "one" }]), layerTar([{ name: "b", data: "two" }])];
const image: TestImage = { tags: [], layers: tars };
const other: TestImage = { tags: [], layers: tars.slice(0, 1) };

describe("an image in a registry", () => {
  const missing = requires(registry());
  let server: TestRegistry;

  beforeAll(async () => {
    if (missing === null) server = await startRegistry();
  });
  afterAll(() => server?.[Symbol.asyncDispose]());

  /** What `use` makes of the image, while it is open. */
  async function open<T>(name: string, platform: string, use: (image: Image) => T | Promise<T>): Promise<T> {
    const options = { registries: QUIET_SETTINGS, platform: parsePlatform(platform) };
    await using source = await openRegistrySource(parseReference(`${server.host}/${name}`), options);
    expect(source.images).toHaveLength(1);
    return await use(source.images[0]!);
  }
  const push = (name: string, layout: OciLayout): Promise<TestDescriptor> => pushLayout(server, name, layout.write());

  it.each([
    ["docker", "gzip"],
    ["oci", "gzip"],
    ["oci", "zstd"],
    ["oci", "none"],
  ] as const)("has its layers whole: %s, %s", async (form, compress) => {
    const pushed = await pushImage(server, `lab/${form}-${compress}:1`, image, { form, compress });
    await open(`lab/${form}-${compress}:1`, "linux/amd64", async (found) => {
      expect(found.id).toBe(buildConfig(image).id);
      expect(found.manifest?.digest).toBe(pushed.manifest.digest);
      expect(found.names.map(canonicalString)).toEqual([`${server.host}/lab/${form}-${compress}:1`]);
      expect(found.layers.map(({ blobDigest, descriptor }) => [blobDigest, descriptor?.size])).toEqual(
        pushed.layers.map(({ digest, size }) => [digest, size]),
      );
      expect(await Promise.all(found.layers.map((layer) => collect(layer.openTar())))).toEqual(tars);
    });
    const byDigest = `lab/${form}-${compress}@${pushed.manifest.digest}`;
    expect(await open(byDigest, "linux/amd64", ({ id, names }) => [id, names])).toEqual([buildConfig(image).id, []]);
  });

  it("is chosen by its platform, out of indexes in indexes", async () => {
    const layout = new OciLayout();
    const arm = layout.image(other, { descriptor: { platform: { os: "linux", architecture: "arm64" } } });
    const amd = layout.image(image, { descriptor: { platform: { os: "linux", architecture: "amd64" } } });
    await push("lab/many:1", layout.entries(layout.index([layout.index([arm]), amd])));
    expect(await open("lab/many:1", "linux/arm64", ({ id }) => id)).toBe(buildConfig(other).id);
    expect(await open("lab/many:1", "linux/amd64", ({ id }) => id)).toBe(buildConfig(image).id);
    await expect(open("lab/many:1", "linux/s390x", () => {})).rejects.toMatchObject({
      code: "NOT_FOUND",
      message: expect.stringMatching(
        /^registry 127.*: repository lab\/many: index sha256:.* has no image for linux\/s390x, only for linux\/amd64, linux\/arm64$/,
      ),
      hint: "choose one with --platform linux/amd64",
    });
  });

  it("is refused where it is an artifact", async () => {
    const layout = new OciLayout();
    await push("lab/artifact:1", layout.entries(layout.image(image, { configType: "application/vnd.example+json" })));
    await expect(open("lab/artifact:1", "linux/amd64", () => {})).rejects.toMatchObject({
      code: "UNSUPPORTED",
      message: expect.stringContaining("is no image but an artifact of type application/vnd.example+json"),
    });
  });

  it("is refused where a layer is packed in another way than its media type says", async () => {
    const layout = new OciLayout();
    await push("lab/wrong:1", layout.entries(layout.image(image, { layerType: `${OCI}layer.v1.tar+gzip` })));
    await open("lab/wrong:1", "linux/amd64", async ({ layers }) => {
      await expect(collect(layers[0]!.open())).rejects.toMatchObject({
        code: "INVALID_COMPRESSION",
        message: expect.stringContaining("its compression is gzip, by its bytes none"),
      });
    });
  });

  it("is refused with a layer of a media type that is not known", async () => {
    const layout = new OciLayout();
    await push("lab/type:1", layout.entries(layout.image(image, { layerType: "application/vnd.example.layer" })));
    await expect(open("lab/type:1", "linux/amd64", () => {})).rejects.toMatchObject({ code: "UNSUPPORTED" });
  });
});
