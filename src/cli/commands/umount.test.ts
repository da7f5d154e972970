import { resolve } from "node:path";
import { describe, expect, it } from "vitest";
import { EXPLANATION, IMAGE_ID, runCommand } from "../../../test/support/command-line.ts";
import { LayerfsError } from "../../core/errors.ts";
import type { Engine } from "../../engine/engine.ts";

const mountsOf =
  (...targets: readonly string[]): Engine["mounts"] =>
  async () =>
    targets.map((target) => ({
      target,
      image: { id: IMAGE_ID, name: "nginx:latest" },
      readWrite: false,
      mounted: true,
    }));

const explain: Engine["explain"] = async (image) => {
  if (image !== "nginx") throw new LayerfsError("NOT_FOUND", `image ${image}: not found`);
  return EXPLANATION;
};

describe("layerfs umount", () => {
  it.each([
    ["a directory", "/mnt", "/mnt"],
    ["a relative directory", "./mnt", resolve("mnt")],
    ["the directory of a mount below this one", "mnt", resolve("mnt")],
    ["an image", "nginx", resolve("mnt")],
  ])("takes %s", async (_, operand, target) => {
    const engine = { explain, mounts: mountsOf(resolve("mnt")) };
    const { status, stdout, calls } = await runCommand(["umount", operand], { engine });
    expect({ status, stdout }).toEqual({ status: 0, stdout: "" });
    expect(calls).toContainEqual(["unmount", { target, discard: false }]);
  });

  it("throws changes away with --discard", async () => {
    const { calls } = await runCommand(["umount", "--discard", "/mnt"]);
    expect(calls).toContainEqual(["unmount", { target: "/mnt", discard: true }]);
  });

  it("refuses an image that is mounted twice and names the directories", async () => {
    const engine = { explain, mounts: mountsOf("/a", "/b") };
    const { status, stderr } = await runCommand(["umount", "nginx"], { engine });
    expect(status).toBe(1);
    expect(stderr).toBe("layerfs: image nginx is mounted 2 times\nhint: name the directory: /a, /b\n");
  });

  it("goes on after one that fails, prints what it did, and ends with status 1", async () => {
    const engine = { explain, mounts: mountsOf() };
    const argv = ["umount", "nginx", "unknown", "/mnt", "--format", "json"];
    const { status, stdout, stderr } = await runCommand(argv, { engine });
    expect(status).toBe(1);
    expect(JSON.parse(stdout)).toEqual([{ target: "/mnt" }]);
    const errors = stderr
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line));
    expect(errors).toMatchObject([
      { code: "NOT_FOUND", message: "nginx is neither the directory of a mount nor an image that is mounted" },
      { code: "NOT_FOUND", message: expect.stringContaining("unknown") },
    ]);
  });
});
