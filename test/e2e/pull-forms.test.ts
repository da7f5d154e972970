import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { smallImage } from "../support/damage.ts";
import type { TestImage } from "../support/image-builder.ts";
import { OciLayout } from "../support/oci-builder.ts";
import { type PullSite, pullSite } from "../support/registry/pull-site.ts";
import { pushImage, pushLayout } from "../support/registry/push-image.ts";
import { registry } from "../support/registry/registry.ts";
import { root as machineUser, requires } from "../support/requires.ts";
import { layerTar } from "../support/tar-builder.ts";

describe("an image in a registry", () => {
  const missing = requires(machineUser(), registry());
  const image = smallImage("small:1", "forms");
  let site: PullSite;
  beforeAll(async () => {
    if (missing === null) site = await pullSite("vfs");
  });
  afterAll(() => site?.[Symbol.asyncDispose]());
  beforeEach(() => {
    if (missing === null) site.proxy.forget();
  });

  const expectPulled = async (root: string, name: string, ...words: readonly string[]): Promise<string> => {
    const run = await site.layerfs(root, "-q", "pull", ...words, site.reference(name));
    expect(run).toMatchObject({ status: 0, stderr: "" });
    expect((await site.look(root)).problems).toEqual([]);
    const { stdout } = await site.layerfs(root, "inspect", "--format", "{{.Id}}", site.reference(name));
    return stdout.trim();
  };

  it.each([
    ["docker", "gzip"],
    ["docker", "none"],
    ["oci", "gzip"],
    ["oci", "zstd"],
    ["oci", "none"],
  ] as const)("of %s form with layers of %s is pulled, and has the digest of its config", async (form, compress) => {
    const name = `lab/${form}-${compress}:1`;
    const { id } = await pushImage(site.registry, name, image, { form, compress });
    expect(await expectPulled(site.newRoot(), name)).toBe(id);
  });

  it("that has one layer several times is fetched with that layer once", async () => {
    const [one, two] = image.layers as [Buffer, Buffer];
    const { layers } = await pushImage(site.registry, "lab/twice:1", { tags: [], layers: [one, two, one, one] });
    await expectPulled(site.newRoot(), "lab/twice:1");
    for (const { digest } of layers) expect(site.proxy.downloadsOf(digest)).toHaveLength(1);
  });

  it("that has an empty layer is pulled", async () => {
    const empty: TestImage = { tags: [], layers: [image.layers[0]!, layerTar([])] };
    const { id } = await pushImage(site.registry, "lab/empty:1", empty);
    expect(await expectPulled(site.newRoot(), "lab/empty:1")).toBe(id);
  });

  it("without layers is pulled", async () => {
    const { id } = await pushImage(site.registry, "lab/none:1", { tags: [], layers: [] });
    expect(await expectPulled(site.newRoot(), "lab/none:1")).toBe(id);
  });

  it("whose layers are in the store is fetched without them", async () => {
    const root = site.newRoot();
    const first = await pushImage(site.registry, "lab/first:1", image);
    await expectPulled(root, "lab/first:1");
    const [low, middle] = image.layers as [Buffer, Buffer];
    const more = layerTar([{ name: "more", data: "more" }]);
    const second = await pushImage(site.registry, "lab/second:1", { tags: [], layers: [low, middle, more] });
    site.proxy.forget();
    expect(await expectPulled(root, "lab/second:1")).toBe(second.id);
    for (const { digest } of first.layers) expect(site.proxy.downloadsOf(digest)).toEqual([]);
    site.proxy.forget();
    await expectPulled(root, "lab/second:1");
    expect(site.proxy.requests.filter(({ path }) => path.includes("/blobs/"))).toEqual([]);
  });

  it("of several platforms is pulled for the one that is wanted, also out of an index in an index", async () => {
    const layout = new OciLayout();
    const on = (architecture: string) => ({
      descriptor: { platform: { architecture, os: "linux" } },
      manifest: { annotations: { architecture } },
    });
    const ids = new Map<string, string>();
    const add = (architecture: string) => {
      const changed = { ...image, config: { architecture } };
      const descriptor = layout.image(changed, on(architecture));
      ids.set(
        architecture,
        JSON.parse(layout.files.get(`blobs/${descriptor.digest.replace(":", "/")}`)!.toString()).config.digest,
      );
      return descriptor;
    };
    const inner = layout.index([add("s390x"), add("arm64")]);
    await pushLayout(site.registry, "lab/many:1", layout.entries(layout.index([add("amd64"), inner])).write());
    for (const [architecture, id] of ids) {
      expect(await expectPulled(site.newRoot(), "lab/many:1", "--platform", `linux/${architecture}`)).toBe(id);
    }
  });
});
