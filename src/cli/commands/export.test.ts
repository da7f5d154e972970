import { describe, expect, it } from "vitest";
import { runCommand } from "../../../test/support/command-line.ts";

describe("layerfs export", () => {
  it.each([[[]], [["-o", "-"]]])("writes the tar to stdout with %j", async (words) => {
    const { status, stdout, calls } = await runCommand(["export", ...words, "--platform", "arm64", "oci:a"]);
    expect({ status, stdout }).toEqual({ status: 0, stdout: "content\n" });
    expect(calls[0]).toMatchObject(["export", "oci:a", { platform: "arm64", signal: expect.any(AbortSignal) }]);
  });

  it("writes a file with -o, and nothing to stdout", async () => {
    const { status, stdout, calls } = await runCommand(["export", "-o", "a.tar", "nginx"], { terminals: ["stdout"] });
    expect({ status, stdout }).toEqual({ status: 0, stdout: "" });
    expect(calls[0]).toMatchObject(["exportToFile", "nginx", "a.tar", {}]);
  });

  it("refuses to write it to a terminal", async () => {
    const { status, stderr, opened } = await runCommand(["export", "nginx"], { terminals: ["stdout"] });
    expect({ status, opened }).toEqual({ status: 2, opened: [] });
    expect(stderr).toContain("cowardly refusing to write a tar to a terminal\nhint: use the -o flag or redirect");
  });
});
