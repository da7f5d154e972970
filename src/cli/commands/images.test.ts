import { describe, expect, it } from "vitest";
import { IMAGE_ID, OTHER_ID, runCommand } from "../../../test/support/command-line.ts";

const shortIDs = [IMAGE_ID, OTHER_ID].map((id) => id.slice("sha256:".length, "sha256:".length + 12));

describe("layerfs images", () => {
  it("prints the table of docker images", async () => {
    const { status, stdout } = await runCommand(["images"]);
    expect(status).toBe(0);
    expect(stdout).toBe(
      [
        "REPOSITORY   TAG      IMAGE ID       CREATED       SIZE",
        `nginx        latest   ${shortIDs[0]}   2 weeks ago   141MB`,
        `<none>       <none>   ${shortIDs[1]}   N/A           999B`,
        "",
      ].join("\n"),
    );
  });

  it("prints digests and whole ids where they are asked for", async () => {
    const { stdout } = await runCommand(["images", "--digests", "--no-trunc"]);
    expect(stdout).toMatch(/^REPOSITORY +TAG +DIGEST +IMAGE ID +CREATED +SIZE\nnginx +latest +<none> +sha256:/);
    expect(stdout).toContain(` ${IMAGE_ID} `);
  });

  it.each([
    [["-q"], shortIDs],
    [
      ["--quiet", "--no-trunc"],
      [IMAGE_ID, OTHER_ID],
    ],
  ])("prints ids alone with %j", async (options, expected) => {
    expect((await runCommand(["images", ...options])).stdout).toBe(`${expected.join("\n")}\n`);
  });

  it("prints a line an image from a template", async () => {
    const { stdout } = await runCommand(["images", "--format", "{{.Repository}}:{{.Tag}} {{.Size}}"]);
    expect(stdout).toBe("nginx:latest 141499000\n<none>:<none> 999\n");
  });

  it("prints an empty array of JSON where there are no images", async () => {
    const { stdout } = await runCommand(["images", "--format", "json"], { engine: { images: async () => [] } });
    expect(stdout).toBe("[]\n");
  });

  it("refuses a field that does not exist, with status 2", async () => {
    const { status, stdout, stderr } = await runCommand(["images", "--format", "{{.Nmae}}"]);
    expect({ status, stdout }).toEqual({ status: 2, stdout: "" });
    expect(stderr).toContain("there is no field .Nmae");
  });
});
