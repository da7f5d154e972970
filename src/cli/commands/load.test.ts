import { describe, expect, it } from "vitest";
import { IMAGE_ID, OTHER_ID, runCommand } from "../../../test/support/command-line.ts";
import type { Engine } from "../../engine/engine.ts";

const images = [
  { id: IMAGE_ID, names: ["nginx:latest", "nginx:1"], renamed: [{ name: "nginx:1", from: OTHER_ID }] },
  { id: OTHER_ID, names: [], renamed: [] },
];
const load: Engine["load"] = async (_input, options) => {
  options?.onProgress?.({ type: "layer-start", layer: IMAGE_ID, total: 100 });
  options?.onProgress?.({ type: "layer-progress", layer: IMAGE_ID, bytes: 100 });
  await new Promise((resolve) => setTimeout(resolve, 120));
  const warnings = [{ what: "extended attribute not kept", example: "/a\nb", count: 2 }];
  options?.onProgress?.({ type: "layer-done", layer: IMAGE_ID, warnings });
  return images;
};

describe("layerfs load", () => {
  it("says in Docker's words what was loaded and what was renamed", async () => {
    const { status, stdout } = await runCommand(["load", "-i", "a.tar"], { engine: { load } });
    expect(status).toBe(0);
    expect(stdout).toBe(
      [
        `The image nginx:1 already exists, renaming the old one with ID ${OTHER_ID} to empty string`,
        "Loaded image: nginx:latest",
        "Loaded image: nginx:1",
        `Loaded image ID: ${OTHER_ID}`,
        "",
      ].join("\n"),
    );
  });

  it("reads stdin where no file is named", async () => {
    const { calls } = await runCommand(["load"]);
    expect(calls[0]).toMatchObject(["load", { stream: expect.anything() }, { signal: expect.any(AbortSignal) }]);
  });

  it("reads the file that is named, also where stdin is a terminal", async () => {
    const { calls } = await runCommand(["load", "--input", "a.tar"], { terminals: ["stdin"] });
    expect(calls[0]).toMatchObject(["load", { file: "a.tar" }, {}]);
  });

  it("takes a source in place of an archive, and the platform that is wanted of it", async () => {
    const { calls } = await runCommand(["load", "--platform", "linux/arm64", "oci:layout:latest"]);
    expect(calls[0]).toMatchObject(["load", { source: "oci:layout:latest" }, { platform: "linux/arm64" }]);
  });

  it("refuses a source and a file at once", async () => {
    const { status, stderr, opened } = await runCommand(["load", "-i", "a.tar", "oci:layout"]);
    expect({ status, stderr, opened }).toEqual({
      status: 2,
      stderr: "layerfs: a SOURCE does not go with -i\n",
      opened: [],
    });
  });

  it("refuses to wait for an archive that is typed", async () => {
    const { status, stderr, opened } = await runCommand(["load"], { terminals: ["stdin"] });
    expect({ status, opened }).toEqual({ status: 2, opened: [] });
    expect(stderr).toContain("layerfs: requested load from stdin, but stdin is a terminal\nhint: ");
  });

  it("gives the images as JSON", async () => {
    const { stdout } = await runCommand(["load", "--format", "json"], { engine: { load } });
    expect(JSON.parse(stdout)).toEqual(images);
  });

  it("tells what could not be kept, one line of stderr a kind", async () => {
    const { stderr } = await runCommand(["load"], { engine: { load } });
    expect(stderr).toBe(
      `layerfs: warning: layer ${IMAGE_ID}: extended attribute not kept: 2 times, such as /a\\x0ab\n`,
    );
    expect((await runCommand(["load", "--log-level", "error"], { engine: { load } })).stderr).toBe("");
    const json = await runCommand(["load", "--format", "json"], { engine: { load } });
    expect(JSON.parse(json.stderr)).toMatchObject({ level: "warn" });
  });

  it("draws its progress on a terminal and takes it away", async () => {
    const { stderr } = await runCommand(["load"], { engine: { load }, terminals: ["stderr"] });
    expect(stderr).toContain("100B/100B");
    expect(stderr).toMatch(/\[1A.\[Jlayerfs: warning/);
  });

  it.each([
    ["stderr is no terminal", [], [], {}],
    ["-q is given", ["stderr"], ["-q"], {}],
    ["--no-progress is given", ["stderr"], ["--no-progress"], {}],
    ["the terminal cannot move its cursor", ["stderr"], [], { TERM: "dumb" }],
  ] as const)("draws nothing where %s", async (_, terminals, options, env) => {
    const { stderr } = await runCommand(["load", ...options], { engine: { load }, terminals, env });
    expect(stderr).toMatch(/^layerfs: warning: .*\n$/);
  });
});
