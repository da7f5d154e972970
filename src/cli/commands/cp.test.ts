import { describe, expect, it } from "vitest";
import { runCommand } from "../../../test/support/command-line.ts";

describe("layerfs cp", () => {
  it.each([
    ["nginx:/etc/motd", "nginx", "/etc/motd"],
    ["localhost:5000/nginx:1:/etc", "localhost:5000/nginx:1", "/etc"],
    ["oci:/srv/layout:latest:/etc/.", "oci:/srv/layout:latest", "/etc/."],
    ["docker-archive:/srv/a.tar:/", "docker-archive:/srv/a.tar", "/"],
  ])("takes %s apart at the last :/", async (text, image, path) => {
    const { status, stdout, calls } = await runCommand(["cp", text, "here"]);
    expect({ status, stdout }).toEqual({ status: 0, stdout: "" });
    expect(calls[0]).toMatchObject(["copyOut", image, path, "here", {}]);
  });

  it.each(["nginx", "nginx:etc", ":/etc", "docker-archive:/srv/a.tar", "oci:/srv/layout"])(
    "refuses %s, where no path inside an image is named",
    async (text) => {
      const { status, stderr, opened } = await runCommand(["cp", text, "here"]);
      expect({ status, opened }).toEqual({ status: 2, opened: [] });
      expect(stderr).toContain("expected IMAGE:/PATH");
    },
  );

  it("hands on the options", async () => {
    const { calls } = await runCommand(["cp", "-aL", "--platform", "arm64", "oci:a:/etc", "here"]);
    expect(calls[0]?.[4]).toMatchObject({ keepOwners: true, followLink: true, platform: "arm64" });
  });

  it("writes a tar to stdout for -, but not to a terminal", async () => {
    const { stdout, calls } = await runCommand(["cp", "nginx:/etc", "-"]);
    expect(stdout).toBe("content\n");
    expect(calls[0]).toMatchObject(["copyTar", "nginx", "/etc", {}]);
    const refused = await runCommand(["cp", "nginx:/etc", "-"], { terminals: ["stdout"] });
    expect({ status: refused.status, opened: refused.opened }).toEqual({ status: 2, opened: [] });
  });

  it("tells what could not be kept, and in JSON where the copy is", async () => {
    const warnings = [{ what: "a device node was left out", example: "dev/null", count: 1 }];
    const engine = { copyOut: async () => ({ target: "/here/etc", warnings }) };
    const { stdout, stderr } = await runCommand(["cp", "nginx:/etc", "here", "--format", "json"], { engine });
    expect(JSON.parse(stdout)).toEqual({ target: "/here/etc", warnings });
    expect(JSON.parse(stderr)).toMatchObject({ level: "warn", message: expect.stringContaining("dev/null") });
  });
});
