import { describe, expect, it } from "vitest";
import { runCommand } from "../../../test/support/command-line.ts";
import { LayerfsError } from "../../core/errors.ts";
import type { Engine } from "../../engine/engine.ts";

const unmount: Engine["unmount"] = async ({ target }) => {
  if (target.startsWith("no")) throw new LayerfsError("NOT_FOUND", `${target} is not mounted`);
  return `/mnt/${target}`;
};

describe("layerfs umount", () => {
  it("unmounts each operand, and prints nothing", async () => {
    const { status, stdout, calls } = await runCommand(["umount", "nginx", "./mnt"], { engine: { unmount } });
    expect({ status, stdout }).toEqual({ status: 0, stdout: "" });
    expect(calls).toContainEqual(["unmount", { target: "nginx", discard: false }]);
    expect(calls).toContainEqual(["unmount", { target: "./mnt", discard: false }]);
  });

  it("throws changes away with --discard", async () => {
    const { calls } = await runCommand(["umount", "--discard", "/mnt"]);
    expect(calls).toContainEqual(["unmount", { target: "/mnt", discard: true }]);
  });

  it("goes on after one that fails, tells the directories of the others, and ends with status 1", async () => {
    const argv = ["umount", "nosuch", "nginx", "nothing", "--format", "json"];
    const { status, stdout, stderr } = await runCommand(argv, { engine: { unmount } });
    expect(status).toBe(1);
    expect(JSON.parse(stdout)).toEqual([{ target: "/mnt/nginx" }]);
    const errors = stderr
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line));
    expect(errors).toMatchObject([{ message: "nosuch is not mounted" }, { message: "nothing is not mounted" }]);
  });
});
