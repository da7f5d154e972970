import { describe, expect, it } from "vitest";
import { IMAGE_ID, runCommand } from "../../../test/support/command-line.ts";

describe("layerfs tag", () => {
  it("says nothing when it is done", async () => {
    const { status, stdout, stderr, calls } = await runCommand(["tag", "nginx", "web:1"]);
    expect({ status, stdout, stderr }).toEqual({ status: 0, stdout: "", stderr: "" });
    expect(calls[0]).toEqual(["tag", "nginx", "web:1"]);
  });

  it("prints the image and its new name as JSON", async () => {
    const { stdout } = await runCommand(["tag", "nginx", "web:1", "--format", "json"]);
    expect(JSON.parse(stdout)).toEqual({ id: IMAGE_ID, name: "web:1" });
  });

  it.each([[[]], [["nginx"]], [["nginx", "a", "b"]]])("takes two names, not %j", async (names) => {
    expect((await runCommand(["tag", ...names])).status).toBe(2);
  });
});
