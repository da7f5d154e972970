import { describe, expect, it } from "vitest";
import { runCommand } from "../../../test/support/command-line.ts";

const warnings = [{ what: "owner not kept", example: "/bin", count: 1 }];

describe("layerfs unpack", () => {
  it("says nothing where all went well", async () => {
    const { status, stdout, stderr, calls } = await runCommand(["unpack", "nginx", "rootfs"]);
    expect({ status, stdout, stderr }).toEqual({ status: 0, stdout: "", stderr: "" });
    expect(calls[0]).toMatchObject(["unpack", "nginx", "rootfs", { signal: expect.any(AbortSignal) }]);
  });

  it("tells what could not be kept", async () => {
    const engine = { unpack: async () => ({ warnings }) };
    expect((await runCommand(["unpack", "nginx", "rootfs"], { engine })).stderr).toBe(
      "layerfs: warning: rootfs: owner not kept: /bin\n",
    );
    const { stdout } = await runCommand(["unpack", "nginx", "rootfs", "--format", "json"], { engine });
    expect(JSON.parse(stdout)).toEqual({ directory: "rootfs", warnings });
  });

  it("hands on the platform that is wanted of a source", async () => {
    const { calls } = await runCommand(["unpack", "--platform", "arm64", "oci:layout", "rootfs"]);
    expect(calls[0]).toMatchObject(["unpack", "oci:layout", "rootfs", { platform: "arm64" }]);
  });
});
