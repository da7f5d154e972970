import { describe, expect, it } from "vitest";
import { NODE_DETAILS, runCommand } from "../../../test/support/command-line.ts";

describe("layerfs stat", () => {
  it("tells all of a file, its layer and what it hides", async () => {
    const { status, stdout, calls } = await runCommand(["stat", "nginx", "/motd"]);
    expect({ status, stdout }).toEqual({
      status: 0,
      stdout: [
        "path      /motd",
        "type      file",
        "size      60",
        "mode      0644 -rw-r--r--",
        "owner     0:0",
        "modified  1970-01-01 00:00:00.000000000",
        "links     1",
        "xattr     user.note = 0x00ff",
        `layer     2  ${NODE_DETAILS.diffID}`,
        "made by   COPY topmost / # buildkit",
        "hides     layer 1: file 0600, 30 bytes  (no instruction recorded)",
        "",
      ].join("\n"),
    });
    expect(calls[0]).toMatchObject(["stat", "nginx", "/motd", { followLink: undefined }]);
  });

  it("follows a symlink with -L", async () => {
    const { calls } = await runCommand(["stat", "-L", "--platform", "arm64", "oci:a", "/motd"]);
    expect(calls[0]).toMatchObject(["stat", "oci:a", "/motd", { followLink: true, platform: "arm64" }]);
  });

  it("keeps the bytes of attributes in JSON", async () => {
    const { stdout } = await runCommand(["stat", "nginx", "/motd", "--format", "json"]);
    expect(JSON.parse(stdout)).toMatchObject({
      path: "/motd",
      xattrs: [{ name: "user.note", value: { base64: "AP8=" } }],
      hides: [{ layer: 0, size: 30 }],
    });
  });
});
