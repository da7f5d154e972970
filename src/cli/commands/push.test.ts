import { describe, expect, it } from "vitest";
import { IMAGE_ID, runCommand } from "../../../test/support/command-line.ts";
import { digestOf } from "../../core/digest.ts";
import { LayerfsError } from "../../core/errors.ts";
import type { Engine } from "../../engine/engine.ts";
import type { PushedLayer } from "../../engine/outgoing/push-layer.ts";

const layer = (name: string, how: PushedLayer["how"], from: string | null = null): PushedLayer => ({
  diffID: digestOf(name),
  digest: digestOf(`gzipped ${name}`),
  mediaType: "application/vnd.docker.image.rootfs.diff.tar.gzip",
  size: 10,
  how,
  from,
});
const short = (name: string): string => digestOf(name).slice(7, 19);
const layers = [layer("a", "exists"), layer("b", "mounted", "lab/y"), layer("c", "sent")];
const digest = digestOf("manifest");
const repository = "127.0.0.1:5000/lab/x";
const push: Engine["push"] = async (_name, { allTags, onProgress } = {}) => {
  onProgress?.({ type: "push-start", repository });
  const tags = (allTags ? ["1", "2"] : ["1"]).map((tag) => {
    onProgress?.({ type: "layer-done", layer: digestOf("c"), warnings: [] });
    onProgress?.({ type: "layer-mounted", layer: digestOf("b"), from: "lab/y" });
    onProgress?.({ type: "layer-exists", layer: digestOf("a") });
    onProgress?.({ type: "push-done", tag, digest, size: 1234 });
    return { tag, id: IMAGE_ID, digest, size: 1234, layers };
  });
  return { repository, tags };
};

const LAYER_LINES = [
  `${short("c")}: Pushed`,
  `${short("b")}: Mounted from lab/y`,
  `${short("a")}: Layer already exists`,
];

describe("layerfs push", () => {
  it("says in Docker's words what became of each layer", async () => {
    const { status, stdout, stderr } = await runCommand(["push", "127.0.0.1:5000/lab/x:1"], { engine: { push } });
    expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
    expect(stdout.trimEnd().split("\n")).toEqual([
      "The push refers to repository [127.0.0.1:5000/lab/x]",
      ...LAYER_LINES,
      `1: digest: ${digest} size: 1234`,
    ]);
  });

  it("says that it takes the tag latest where none is named", async () => {
    const { stdout } = await runCommand(["push", "127.0.0.1:5000/lab/x"], { engine: { push } });
    expect(stdout.split("\n")[0]).toBe("Using default tag: latest");
  });

  it.each(["-a", "--all-tags"])("pushes all tags with %s", async (option) => {
    const { stdout, calls } = await runCommand(["push", option, "127.0.0.1:5000/lab/x"], { engine: { push } });
    expect(calls[0]).toMatchObject(["push", "127.0.0.1:5000/lab/x", { allTags: true }]);
    expect(stdout.trimEnd().split("\n")).toEqual([
      "The push refers to repository [127.0.0.1:5000/lab/x]",
      ...LAYER_LINES,
      `1: digest: ${digest} size: 1234`,
      ...LAYER_LINES,
      `2: digest: ${digest} size: 1234`,
    ]);
  });

  it.each([
    [["nginx"], "docker.io/library/nginx:latest\n"],
    [["-a", "lab/nginx"], "docker.io/lab/nginx\n"],
    [["127.0.0.1:5000/lab/x:1"], "127.0.0.1:5000/lab/x:1\n"],
  ])("prints the name in full and nothing else with -q: %s", async (words, expected) => {
    expect((await runCommand(["push", "-q", ...words], { engine: { push } })).stdout).toBe(expected);
  });

  it("tells of a request that is repeated, on stderr", async () => {
    const failing: Engine["push"] = async (name, options) => {
      const facts = { registry: "127.0.0.1:5000", reason: "it answers 503", attempt: 1, attempts: 6 };
      options?.onProgress?.({ type: "retry", wait: 1500, asked: false, ...facts });
      return push(name, options);
    };
    const { stderr } = await runCommand(["push", "127.0.0.1:5000/lab/x:1"], { engine: { push: failing } });
    expect(stderr).toContain("registry 127.0.0.1:5000: it answers 503; trying again in 2 s");
  });

  it("says where it pushed to before it fails", async () => {
    const failing: Engine["push"] = async (_name, { onProgress } = {}) => {
      onProgress?.({ type: "push-start", repository });
      throw new LayerfsError("NOT_FOUND", "tag does not exist: 127.0.0.1:5000/lab/x:2");
    };
    const { status, stdout, stderr } = await runCommand(["push", "127.0.0.1:5000/lab/x:2"], {
      engine: { push: failing },
    });
    expect({ status, stdout, stderr }).toEqual({
      status: 1,
      stdout: "The push refers to repository [127.0.0.1:5000/lab/x]\n",
      stderr: "layerfs: tag does not exist: 127.0.0.1:5000/lab/x:2\n",
    });
  });

  it("gives everything as JSON", async () => {
    const { stdout } = await runCommand(["push", "--format", "json", "127.0.0.1:5000/lab/x:1"], { engine: { push } });
    expect(JSON.parse(stdout)).toEqual(await push("127.0.0.1:5000/lab/x:1"));
  });
});
