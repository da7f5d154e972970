import { describe, expect, it } from "vitest";
import { OTHER_ID, runCommand } from "../../../test/support/command-line.ts";

describe("layerfs copy", () => {
  it("copies from one place to another, and prints the digest that the image has there", async () => {
    const { status, stdout, stderr, calls } = await runCommand(["copy", "oci:a:1", "docker://r.example/x:1"]);
    expect({ status, stdout, stderr }).toEqual({ status: 0, stdout: `${OTHER_ID}\n`, stderr: "" });
    const options = { signal: expect.any(AbortSignal), onProgress: expect.any(Function) };
    expect(calls[0]).toMatchObject(["copy", "oci:a:1", "docker://r.example/x:1", options]);
  });

  it("passes on what is wanted of the image", async () => {
    const { calls } = await runCommand(["copy", "--all", "oci:a", "oci:b"]);
    expect(calls[0]?.[3]).toMatchObject({ all: true });
    const words = ["copy", "--platform", "linux/arm64", "--compress", "zstd", "oci:a", "oci:b"];
    expect((await runCommand(words)).calls[0]?.[3]).toMatchObject({ platform: "linux/arm64", compression: "zstd" });
  });

  it("knows how registries are to be reached", async () => {
    const { opened } = await runCommand(["copy", "--insecure-registry", "r.example", "oci:a", "docker://r.example/x"]);
    expect(opened[0]?.registries).toMatchObject({ insecureRegistries: ["r.example"] });
  });

  it("gives what was copied as JSON", async () => {
    const { stdout } = await runCommand(["copy", "oci:a", "oci:b", "--format", "json"]);
    expect(JSON.parse(stdout)).toEqual([{ digest: OTHER_ID, names: [] }]);
  });

  it.each([[["copy", "oci:a"]], [["copy"]], [["copy", "--compress", "xz", "oci:a", "oci:b"]]])(
    "refuses %j",
    async (words) => {
      expect((await runCommand(words)).status).toBe(2);
    },
  );
});
