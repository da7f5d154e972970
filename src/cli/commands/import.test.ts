import { describe, expect, it } from "vitest";
import { IMAGE_ID, runCommand } from "../../../test/support/command-line.ts";

describe("layerfs import", () => {
  it("prints the id of the new image, as Docker does", async () => {
    const { status, stdout, calls } = await runCommand(["import", "a.tar", "mine:1"]);
    expect({ status, stdout }).toEqual({ status: 0, stdout: `${IMAGE_ID}\n` });
    expect(calls[0]).toMatchObject(["import", { file: "a.tar" }, { reference: "mine:1", changes: [] }]);
  });

  it("reads stdin for -, and hands on the options", async () => {
    const words = ["import", "-m", "why", "-c", "CMD a", "--change", "ENV b=c", "--platform", "arm64", "-"];
    const { calls } = await runCommand(words);
    expect(calls[0]).toMatchObject([
      "import",
      { stream: expect.anything() },
      { message: "why", changes: ["CMD a", "ENV b=c"], platform: "arm64", reference: undefined },
    ]);
  });

  it("refuses to wait for a tar that is typed", async () => {
    const { status, opened } = await runCommand(["import", "-"], { terminals: ["stdin"] });
    expect({ status, opened }).toEqual({ status: 2, opened: [] });
  });

  it("says how to import what lies on a web server", async () => {
    const { status, stderr, opened } = await runCommand(["import", "https://example.org/a.tar"]);
    expect({ status, opened }).toEqual({ status: 1, opened: [] });
    expect(stderr).toContain("hint: fetch it first: curl -fL https://example.org/a.tar | layerfs import -");
  });

  it("tells what could not be kept of the tar", async () => {
    const warnings = [{ what: "an xattr was left out", example: "a", count: 1 }];
    const { stderr } = await runCommand(["import", "a.tar"], {
      engine: {
        import: async (_input, options) => {
          options?.onProgress?.({ type: "layer-done", layer: IMAGE_ID, warnings });
          return { id: IMAGE_ID, name: null };
        },
      },
    });
    expect(stderr).toBe(`layerfs: warning: image ${IMAGE_ID}: an xattr was left out: a\n`);
  });
});
