import { describe, expect, it } from "vitest";
import { runCommand } from "../../../test/support/command-line.ts";
import { packageVersion } from "../version.ts";

describe("layerfs version", () => {
  it("tells the versions without opening a store", async () => {
    const { status, stdout, opened } = await runCommand(["version", "--format", "json"]);
    expect({ status, opened }).toEqual({ status: 0, opened: [] });
    expect(JSON.parse(stdout)).toMatchObject({ version: packageVersion(), node: process.versions.node });
  });

  it("is printed for people too", async () => {
    expect((await runCommand(["version"])).stdout).toMatch(/^layerfs version \d+\.\d+\.\d+\nNode\.js version /);
  });
});
