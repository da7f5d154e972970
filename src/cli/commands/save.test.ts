import { Writable } from "node:stream";
import { describe, expect, it } from "vitest";
import { IMAGE_ID, OTHER_ID, runCommand } from "../../../test/support/command-line.ts";
import type { Engine } from "../../engine/engine.ts";

describe("layerfs save", () => {
  it("writes an archive to stdout, and nothing else", async () => {
    const save: Engine["save"] = async (_images, target) => {
      if ("stream" in target) target.stream.write("archive");
      return [{ id: IMAGE_ID, digest: OTHER_ID, names: ["nginx:latest"] }];
    };
    const { status, stdout, stderr, calls } = await runCommand(["save", "nginx", "redis:7"], { engine: { save } });
    expect({ status, stdout, stderr }).toEqual({ status: 0, stdout: "archive", stderr: "" });
    const options = { signal: expect.any(AbortSignal) };
    expect(calls[0]).toMatchObject(["save", ["nginx", "redis:7"], { stream: expect.any(Writable) }, options]);
  });

  it("is too cowardly to save to a terminal", async () => {
    const { status, stderr, opened } = await runCommand(["save", "nginx"], { terminals: ["stdout"] });
    expect({ status, opened }).toEqual({ status: 2, opened: [] });
    expect(stderr).toBe("layerfs: cowardly refusing to save to a terminal\nhint: use the -o flag or redirect\n");
  });

  it.each([
    ["images.tar", { file: "images.tar" }],
    ["./oci:x", { file: "./oci:x" }],
    ["oci:layout:latest", { destination: "oci:layout:latest" }],
    ["oci-archive:a.tar", { destination: "oci-archive:a.tar" }],
    ["docker-archive:a.tar:nginx:1", { destination: "docker-archive:a.tar:nginx:1" }],
  ])("takes %s for where it goes", async (output, target) => {
    const { status, calls, stdout } = await runCommand(["save", "-o", output, "nginx"], { terminals: ["stdout"] });
    expect({ status, stdout }).toEqual({ status: 0, stdout: "" });
    expect(calls[0]).toMatchObject(["save", ["nginx"], target, {}]);
  });

  it("gives what was saved as JSON, where stdout is not the archive", async () => {
    const { stdout } = await runCommand(["save", "-o", "a.tar", "nginx", "--format", "json"]);
    expect(JSON.parse(stdout)).toEqual([{ id: IMAGE_ID, digest: OTHER_ID, names: ["nginx:latest"] }]);
  });

  it("passes on form, compression and platform", async () => {
    const words = ["save", "--as", "oci", "--compress", "zstd", "--platform", "linux/arm64", "nginx"];
    const { calls } = await runCommand(words);
    expect(calls[0]?.[3]).toMatchObject({ as: "oci", compression: "zstd", platform: "linux/arm64" });
  });

  it("refuses a form for a destination that has one", async () => {
    const { status, stderr } = await runCommand(["save", "--as", "docker", "-o", "oci:layout", "nginx"]);
    expect(status).toBe(2);
    expect(stderr).toContain("--as does not go with a destination");
  });

  it.each([
    [["save"], "missing required argument"],
    [["save", "--compress", "xz", "nginx"], "Allowed choices are gzip, zstd, none"],
    [["save", "--as", "tar", "nginx"], "Allowed choices are docker, oci"],
  ])("refuses %j", async (words, message) => {
    const { status, stderr } = await runCommand(words);
    expect(status).toBe(2);
    expect(stderr).toContain(message);
  });
});
