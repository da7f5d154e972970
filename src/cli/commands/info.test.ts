import { describe, expect, it } from "vitest";
import { runCommand } from "../../../test/support/command-line.ts";

describe("layerfs info", () => {
  it("prints Docker's storage lines and why the driver was chosen", async () => {
    const { status, stdout } = await runCommand(["info"]);
    expect(status).toBe(0);
    expect(stdout).toBe(
      [
        "Images: 2",
        "Layers: 3 (141MB)",
        "Mounts: 1",
        "Storage Driver: overlay2",
        " Backing Filesystem: extfs",
        "Driver Choice:",
        " it works on this file system",
        "Data Root: /root",
        "",
      ].join("\n"),
    );
  });

  it("gives a field to a template", async () => {
    expect((await runCommand(["info", "--format", "{{.Driver}}"])).stdout).toBe("overlay2\n");
  });
});
