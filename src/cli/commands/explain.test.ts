import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { DIRECTORY_EXPLANATION, EXPLANATION, runCommand } from "../../../test/support/command-line.ts";
import { scratchDirectory } from "../../../test/support/scratch.ts";

describe("layerfs explain", () => {
  it("draws the stack of the image that is named", async () => {
    const { status, stdout, calls } = await runCommand(["explain", "nginx"]);
    expect(status).toBe(0);
    expect(calls.slice(0, 2)).toEqual([
      ["explainDirectory", "nginx"],
      ["explain", "nginx", expect.objectContaining({ path: undefined })],
    ]);
    expect(stdout).toMatch(/┌ 2 {2}COPY topmost(.|\n)*└ 1 {2}COPY lowest(.|\n)*Joined by\ncd .* && mount -t overlay/);
  });

  it("asks for the path that follows", async () => {
    const { calls } = await runCommand(["explain", "nginx", "/etc/passwd"]);
    expect(calls[1]).toEqual(["explain", "nginx", expect.objectContaining({ path: "/etc/passwd" })]);
  });

  it("gives all of it as JSON, the lowest layer first", async () => {
    const { stdout } = await runCommand(["explain", "nginx", "--format", "json"]);
    expect(JSON.parse(stdout)).toEqual(EXPLANATION);
  });

  it("writes a picture beside its output", async () => {
    const file = join(scratchDirectory(), "stack.svg");
    const { status, stdout } = await runCommand(["explain", "--svg", file, "nginx"]);
    expect(status).toBe(0);
    expect(stdout).toContain("Joined by");
    expect(readFileSync(file, "utf8")).toMatch(/^<svg .*<\/svg>\n$/s);
  });

  it("names the picture that cannot be written", async () => {
    const { status, stderr } = await runCommand(["explain", "--svg", "/nowhere/stack.svg", "nginx"]);
    expect(status).toBe(1);
    expect(stderr).toContain("/nowhere/stack.svg");
  });

  it("tells whose a directory is", async () => {
    const { stdout, calls } = await runCommand(["explain", "/root/overlay2/lowest"]);
    expect(calls[0]).toEqual(["explainDirectory", "/root/overlay2/lowest"]);
    expect(stdout).toMatch(/^An image layer of 1 image/);
    const json = await runCommand(["explain", "/root/overlay2/lowest", "--format", "json"]);
    expect(JSON.parse(json.stdout)).toEqual(DIRECTORY_EXPLANATION);
  });

  it.each([[["/etc"]], [["--svg", "x.svg"]]])("refuses with a directory: %j", async (more) => {
    const { status, stderr } = await runCommand(["explain", "/root/overlay2/lowest", ...more]);
    expect(status).toBe(2);
    expect(stderr).toContain("a layer's directory");
  });
});
