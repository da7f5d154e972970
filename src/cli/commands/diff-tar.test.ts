import { describe, expect, it } from "vitest";
import { runCommand } from "../../../test/support/command-line.ts";

describe("layerfs diff-tar", () => {
  it("writes the tar to stdout", async () => {
    const { status, stdout, calls } = await runCommand(["diff-tar", "old", "new"]);
    expect({ status, stdout }).toEqual({ status: 0, stdout: "content\n" });
    expect(calls[0]).toEqual(["diffTar", "old", "new"]);
  });

  it("refuses to write it to a terminal", async () => {
    const { status, stdout, stderr, opened } = await runCommand(["diff-tar", "old", "new"], { terminals: ["stdout"] });
    expect({ status, stdout, opened }).toEqual({ status: 2, stdout: "", opened: [] });
    expect(stderr).toContain("cowardly refusing to write a tar to a terminal\nhint: ");
  });
});
