import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { smallImage } from "../support/damage.ts";
import type { TestImage } from "../support/image-builder.ts";
import { type PullSite, pullSite } from "../support/registry/pull-site.ts";
import { pushImage } from "../support/registry/push-image.ts";
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
});
