import { describe, expect, it } from "vitest";
import { IMAGE_ID, runCommand } from "../../../test/support/command-line.ts";

const short = IMAGE_ID.slice("sha256:".length, "sha256:".length + 12);

describe("layerfs history", () => {
  it("prints the table of docker history", async () => {
    const { status, stdout } = await runCommand(["history", "nginx"]);
    expect(status).toBe(0);
    expect(stdout.split("\n").map((line) => line.split(/ {2,}/))).toEqual([
      ["IMAGE", "CREATED", "CREATED BY", "SIZE", "COMMENT"],
      [short, "2 weeks ago", "COPY app /opt/a/path/that/is/longer/than/the…", "141MB", "buildkit.dockerfile.v0"],
      ["<missing>", "N/A", "/bin/sh -c #(nop)", 'CMD ["sh"]', "0B"],
      [""],
    ]);
  });

  it("prints whole ids and instructions, bytes and times where they are asked for", async () => {
    const { stdout } = await runCommand(["history", "--no-trunc", "--no-human", "nginx"]);
    expect(stdout).toMatch(/^IMAGE +CREATED AT +CREATED BY +SIZE +COMMENT\n/);
    expect(stdout).toMatch(
      new RegExp(`^${IMAGE_ID} +2026-01-01T00:00:00Z +COPY app .*/the/column # buildkit +141499000 `, "m"),
    );
  });

  it("prints ids alone with -q", async () => {
    expect((await runCommand(["history", "-q", "nginx"])).stdout).toBe(`${short}\n<missing>\n`);
  });

  it("gives Docker's fields to a template", async () => {
    const { stdout } = await runCommand(["history", "--format", "{{.ID}} {{.Size}} {{.CreatedSince}}", "nginx"]);
    expect(stdout).toBe(`${short} 141MB 2 weeks ago\n<missing> 0B N/A\n`);
  });
});
