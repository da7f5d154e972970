import { describe, expect, it } from "vitest";
import { runCommand } from "../../../test/support/command-line.ts";

describe("layerfs info", () => {
  it("prints Docker's storage lines and why the driver was chosen", async () => {
    const { status, stdout } = await runCommand(["info"]);
    expect(status).toBe(0);
    expect(stdout).toBe(
      [
        "Containers: 3",
        " Running: 1",
        " Stopped: 2",
        "Images: 2",
        "Layers: 3 (141MB)",
        "Mounts: 1",
        "Storage Driver: overlay2",
        " Backing Filesystem: extfs",
        "Driver Choice:",
        " it works on this file system",
        "Docker Root Dir: /root",
        "",
      ].join("\n"),
    );
  });

  it("gives a field to a template", async () => {
    expect((await runCommand(["info", "--format", "{{.Driver}}"])).stdout).toBe("overlay2\n");
  });

  it("gives Docker's fields to a template", async () => {
    const template = "{{.Containers}} {{.ContainersRunning}} {{.DockerRootDir}} {{json .DriverStatus}}";
    const { stdout } = await runCommand(["info", "--format", template]);
    expect(stdout).toBe('3 1 /root [["Backing Filesystem","extfs"]]\n');
  });
});
