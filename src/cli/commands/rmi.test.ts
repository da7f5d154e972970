import { describe, expect, it } from "vitest";
import { IMAGE_ID, runCommand } from "../../../test/support/command-line.ts";
import { LayerfsError } from "../../core/errors.ts";
import { Interruption } from "../interruption.ts";

describe("layerfs rmi", () => {
  it("says in Docker's words what it removed", async () => {
    const { status, stdout, calls } = await runCommand(["rmi", "nginx:1"]);
    expect({ status, stdout }).toEqual({ status: 0, stdout: `Untagged: nginx:1\nDeleted: ${IMAGE_ID}\n` });
    expect(calls[0]).toEqual(["removeImage", "nginx:1", { force: false, prune: true }]);
  });

  it.each([
    [["-f"], { force: true, prune: true }],
    [["--no-prune"], { force: false, prune: false }],
  ])("passes %j on", async (options, passed) => {
    expect((await runCommand(["rmi", ...options, "a"])).calls[0]).toEqual(["removeImage", "a", passed]);
  });

  it.each([
    ["rmi nosuch", 1, "layerfs: No such image: nosuch:latest\n"],
    ["rmi -f nosuch", 0, "layerfs: warning: No such image: nosuch:latest\n"],
  ])("ends %s with status %i", async (line, expected, message) => {
    const { status, stderr } = await runCommand(line.split(" "), {
      engine: {
        removeImage: async () => {
          throw new LayerfsError("NOT_FOUND", "No such image: nosuch:latest");
        },
      },
    });
    expect({ status, stderr }).toEqual({ status: expected, stderr: message });
  });

  it("goes on after an image that cannot be removed, tells each failure, and ends with status 1", async () => {
    const { status, stdout, stderr } = await runCommand(["rmi", "a", "b", "c"], {
      engine: {
        removeImage: async (image) => {
          if (image !== "b") throw new LayerfsError("CONFLICT", `image ${image}: in use`);
          return { steps: [{ kind: "untagged", name: "b:latest" }] };
        },
      },
    });
    expect({ status, stdout }).toEqual({ status: 1, stdout: "Untagged: b:latest\n" });
    expect(stderr).toBe("layerfs: image a: in use\nlayerfs: image c: in use\n");
  });

  it("does not begin another image after an interruption", async () => {
    const controller = new AbortController();
    const { status, stdout, stderr } = await runCommand(["rmi", "a", "b"], {
      signal: controller.signal,
      engine: {
        removeImage: async (image) => {
          controller.abort(new Interruption("SIGINT"));
          return { steps: [{ kind: "untagged", name: image }] };
        },
      },
    });
    expect({ status, stdout, stderr }).toEqual({
      status: 130,
      stdout: "Untagged: a\n",
      stderr: "layerfs: cancelled\n",
    });
  });
});
