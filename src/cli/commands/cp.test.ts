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

  it.each(["web:", ":/etc", "docker-archive:/srv/a.tar", "oci:/srv/layout"])(
    "refuses %s, where no path inside a container or image is named",
    async (text) => {
      const { status, stderr, opened } = await runCommand(["cp", text, "here"]);
      expect({ status, opened }).toEqual({ status: 2, opened: [] });
      expect(stderr).toContain("expected CONTAINER:PATH or IMAGE:/PATH");
    },
  );

  it.each([
    ["conf", "web:/etc", ["copyIn", "web", "conf", "/etc"]],
    ["./a:/b", "web:etc/x", ["copyIn", "web", "./a:/b", "etc/x"]],
    ["/a:b", "web:.", ["copyIn", "web", "/a:b", "."]],
    ["-", "web:/etc", ["copyTarIn", "web", expect.anything(), "/etc"]],
    ["web:etc/x", "/tmp", ["copyOut", "web", "etc/x", "/tmp"]],
  ])("copies %s to %s", async (from, to, call) => {
    const { status, stdout, calls } = await runCommand(["cp", from, to]);
    expect({ status, stdout }).toEqual({ status: 0, stdout: "" });
    expect(calls[0]?.slice(0, call.length)).toEqual(call);
  });

  it.each([
    [["web:/a", "db:/b"], "copying between containers is not supported"],
    [["a", "b"], "must specify at least one container source"],
    [["-", "-"], "must specify at least one container source"],
    [["--type", "image", "a", "web:/b"], "nothing can be copied into an image"],
  ])("refuses %j", async (words, message) => {
    const { status, stderr, opened } = await runCommand(["cp", ...words]);
    expect({ status, opened }).toEqual({ status: 2, opened: [] });
    expect(stderr).toContain(message);
  });

  it("does not wait for a tar that is typed", async () => {
    const { status, opened } = await runCommand(["cp", "-", "web:/"], { terminals: ["stdin"] });
    expect({ status, opened }).toEqual({ status: 2, opened: [] });
  });

  it("hands on the options", async () => {
    const { calls } = await runCommand(["cp", "-aL", "--platform", "arm64", "--type", "image", "oci:a:/etc", "here"]);
    expect(calls[0]?.[4]).toMatchObject({ keepOwners: true, followLink: true, platform: "arm64", type: "image" });
    const into = await runCommand(["cp", "-aL", "here", "web:/etc"]);
    expect(into.calls[0]?.[4]).toMatchObject({ keepOwners: true, followLink: true });
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
