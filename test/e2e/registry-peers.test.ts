import { spawnSync } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Dockerd, dockerd, startDockerd } from "../support/dockerd.ts";
import { makeFileSystem, overlay, type TestFileSystem } from "../support/filesystems.ts";
import { dockerArchive, sha256 } from "../support/image-builder.ts";
import { type PullSite, pullSite } from "../support/registry/pull-site.ts";
import { registry } from "../support/registry/registry.ts";
import { type Answer, send } from "../support/registry/send.ts";
import { program, requires } from "../support/requires.ts";
import { type SampleImage, sampleImages } from "../support/sample-images.ts";
import { scratchDirectory } from "../support/scratch.ts";

const MANIFESTS = [
  "application/vnd.docker.distribution.manifest.v2+json",
  "application/vnd.oci.image.manifest.v1+json",
];

describe("a registry that others push to as well", { timeout: 60_000 }, () => {
  const missing = requires(overlay(), dockerd(), registry(), program("skopeo"));
  // The others hold a hard link to a file of a lower layer, which dockerd refuses on overlay2.
  const [, , sample, other] = sampleImages(1) as [SampleImage, SampleImage, SampleImage, SampleImage];
  let place: TestFileSystem;
  let site: PullSite;
  let daemon: Dockerd;
  beforeAll(async () => {
    if (missing !== null) return;
    place = makeFileSystem("tmpfs", { size: "1G" });
    site = await pullSite("overlay2", { place: place.directory });
    const dockerRoot = join(place.directory, "docker");
    mkdirSync(dockerRoot);
    daemon = await startDockerd(dockerRoot, "overlay2");
  });
  afterAll(async () => {
    await daemon?.[Symbol.asyncDispose]();
    await site?.[Symbol.asyncDispose]();
    place?.[Symbol.dispose]();
  });

  /** Without the proxy, which cannot answer while this process waits for docker or skopeo. */
  const reference = (name: string): string => `${site.registry.host}/${name}`;
  const layerfs = async (root: string, ...words: readonly string[]): Promise<string> => {
    const { status, stdout, stderr } = await site.layerfs(root, "-q", ...words);
    expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
    return stdout;
  };
  const archiveOf = ({ image }: SampleImage): string => {
    const file = join(scratchDirectory(), "image.tar");
    writeFileSync(file, dockerArchive([image]));
    return file;
  };
  /** A store with the image under a name in the registry. */
  const storeWith = async (sample: SampleImage, name: string): Promise<string> => {
    const root = site.newRoot();
    await layerfs(root, "load", "-i", archiveOf(sample));
    await layerfs(root, "tag", sample.name, reference(name));
    return root;
  };
  const idIn = async (root: string, name: string): Promise<string> =>
    (await layerfs(root, "inspect", "--format", "{{.Id}}", name)).trim();
  const manifestOf = async (name: string): Promise<{ digest: string; config: { digest: string } }> => {
    const [, repository, tag] = /^(.*):([^:]*)$/.exec(name) ?? [];
    const headers = { Accept: MANIFESTS.join(", ") };
    const answer: Answer = await send(`${site.registry.url}/v2/${repository}/manifests/${tag}`, { headers });
    expect(answer.status).toBe(200);
    return { digest: `sha256:${sha256(answer.body)}`, ...JSON.parse(answer.body.toString()) };
  };

  it("gives layerfs what docker pushed", async () => {
    daemon.docker("load", "-i", archiveOf(other));
    daemon.docker("tag", other.name, reference("docker/b:1"));
    daemon.docker("push", reference("docker/b:1"));
    const root = site.newRoot();
    await layerfs(root, "pull", reference("docker/b:1"));
    expect(await idIn(root, reference("docker/b:1"))).toBe(other.id);
    expect((await site.look(root)).problems).toEqual([]);
  });

  it.each([
    ["as Docker images", "v2s2"],
    ["as OCI images", "oci"],
  ])("gives layerfs what skopeo copied there %s", async (_, format) => {
    const name = `skopeo/${format}:1`;
    const from = `docker-archive:${archiveOf(sample)}`;
    skopeo("copy", "--dest-tls-verify=false", "--format", format, from, `docker://${reference(name)}`);
    const root = site.newRoot();
    await layerfs(root, "pull", reference(name));
    const { config } = await manifestOf(name);
    expect(await idIn(root, reference(name))).toBe(config.digest);
    // For OCI skopeo makes the config anew.
    if (format === "v2s2") expect(config.digest).toBe(sample.id);
    expect((await site.look(root)).problems).toEqual([]);
  });

  it("gives the same image by the digest that a push made", async () => {
    const root = await storeWith(sample, "digest/a:1");
    await layerfs(root, "push", reference("digest/a:1"));
    const { digest } = await manifestOf("digest/a:1");
    const byDigest = `${reference("digest/a")}@${digest}`;
    const fresh = site.newRoot();
    await layerfs(fresh, "pull", byDigest);
    expect(await idIn(fresh, byDigest)).toBe(sample.id);
    expect((await site.look(fresh)).problems).toEqual([]);
    daemon.docker("pull", byDigest);
    expect(daemon.docker("inspect", "-f", "{{.Id}}", byDigest)).toBe(sample.id);
  });
});

function skopeo(...words: readonly string[]): string {
  const { status, stdout, stderr } = spawnSync("skopeo", words, { encoding: "utf8" });
  if (status !== 0) throw new Error(`skopeo ${words.join(" ")}: ${stderr}`);
  return stdout;
}
