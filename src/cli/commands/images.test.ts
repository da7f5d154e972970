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
    expect(stdout).toBe("nginx:latest 141MB\n<none>:<none> 999B\n");
  });

  it("gives Docker's fields to templates, and bytes and whole ids to JSON", async () => {
    const template = "{{.ID}} {{.Digest}} {{.CreatedSince}} {{.CreatedAt}}";
    expect((await runCommand(["images", "--format", template])).stdout).toBe(
      `${shortIDs[0]} <none> 2 weeks ago 2026-01-01 00:00:00 +0000 UTC\n${shortIDs[1]} <none> N/A N/A\n`,
    );
    const [first] = JSON.parse((await runCommand(["images", "--format", "json"])).stdout);
    expect(first).toMatchObject({ id: IMAGE_ID, size: 141_499_000 });
  });

  it("passes filters, --all and a name on", async () => {
    const { calls } = await runCommand(["images", "-a", "-f", "label=a", "--filter", "label=b=c", "nginx"]);
    expect(calls[0]).toEqual(["images", { all: true, labels: ["a", "b=c"], references: ["nginx"] }]);
  });

  it.each(["foo=bar", "foo", "dangling=maybe"])("refuses the filter %s with status 2", async (filter) => {
    expect((await runCommand(["images", "-f", filter])).status).toBe(2);
  });

  it("shows a row for each digest with --digests, and one a tag without", async () => {
    const row = { id: IMAGE_ID, repository: "nginx", tag: "1", created: null, size: 1 };
    const engine = { images: async () => ["sha256:a", "sha256:b"].map((digest) => ({ ...row, digest })) };
    const lines = async (...options: string[]): Promise<number> =>
      (await runCommand(["images", ...options], { engine })).stdout.split("\n").length - 2;
    expect(await lines()).toBe(1);
    expect(await lines("--digests")).toBe(2);
    const { stdout } = await runCommand(["images", "--format", "{{.Tag}} {{.Digest}}"], { engine });
    expect(stdout).toBe("1 sha256:a\n1 sha256:b\n");
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
