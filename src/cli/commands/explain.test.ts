import { describe, expect, it } from "vitest";
import { EXPLANATION, runCommand } from "../../../test/support/command-line.ts";

describe("layerfs explain", () => {
  it("draws the stack of the image that is named", async () => {
    const { status, stdout, calls } = await runCommand(["explain", "nginx"]);
    expect(status).toBe(0);
    expect(calls[0]).toEqual(["explain", "nginx"]);
    expect(stdout).toMatch(/┌ 2 {2}COPY topmost(.|\n)*└ 1 {2}COPY lowest(.|\n)*Joined by\nmount -t overlay/);
  });

  it("gives all of it as JSON, the lowest layer first", async () => {
    const { stdout } = await runCommand(["explain", "nginx", "--format", "json"]);
    expect(JSON.parse(stdout)).toEqual(EXPLANATION);
  });
});
