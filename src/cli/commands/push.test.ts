import { describe, expect, it } from "vitest";
import { IMAGE_ID, runCommand } from "../../../test/support/command-line.ts";
import { digestOf } from "../../core/digest.ts";
import type { Engine } from "../../engine/engine.ts";
import type { PushedLayer } from "../../engine/push-layer.ts";

const layer = (name: string, how: PushedLayer["how"], from: string | null = null): PushedLayer => ({
  diffID: digestOf(name),
  digest: digestOf(`gzipped ${name}`),
  mediaType: "application/vnd.docker.image.rootfs.diff.tar.gzip",
  size: 10,
  how,
  from,
});
const short = (name: string): string => digestOf(name).slice(7, 19);
const layers = [layer("a", "exists"), layer("b", "mounted", "lab/y"), layer("empty", "sent"), layer("empty", "sent")];
const digest = digestOf("manifest");
const push: Engine["push"] = async (_name, { allTags } = {}) => ({
  repository: "127.0.0.1:5000/lab/x",
  tags: (allTags ? ["1", "2"] : ["1"]).map((tag) => ({ tag, id: IMAGE_ID, digest, size: 1234, layers })),
});

const LAYER_LINES = [
  `${short("empty")}: Pushed`,
  `${short("b")}: Mounted from lab/y`,
  `${short("a")}: Layer already exists`,
];

describe("layerfs push", () => {
  it("says in Docker's words what became of each layer, the topmost first and none twice", async () => {
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

  it("gives everything as JSON", async () => {
    const { stdout } = await runCommand(["push", "--format", "json", "127.0.0.1:5000/lab/x:1"], { engine: { push } });
    expect(JSON.parse(stdout)).toEqual(await push("127.0.0.1:5000/lab/x:1"));
  });
});
