import { describe, expect, it } from "vitest";
import { runCommand } from "../../../test/support/command-line.ts";
import { CONTAINER_ID } from "../../../test/support/fake-containers.ts";

describe("layerfs create", () => {
  it("prints the id of the container", async () => {
    const { status, stdout } = await runCommand(["create", "nginx"]);
    expect({ status, stdout }).toEqual({ status: 0, stdout: `${CONTAINER_ID}\n` });
    expect((await runCommand(["create", "--format", "{{.Name}}", "--name", "web", "nginx"])).stdout).toBe("web\n");
  });

  it.each([
    [["--name", "web", "nginx"], { name: "web" }],
    [["nginx", "ls", "-l", "--name", "x"], { command: ["ls", "-l", "--name", "x"] }],
    [["--entrypoint", "", "nginx"], { entrypoint: "" }],
    [["-e", "A=1", "--env", "B=x=y", "nginx"], { env: ["A=1", "B=x=y"] }],
    [["-e", "HOME", "-e", "NOWHERE", "nginx"], { env: ["HOME=/home/me", "NOWHERE"] }],
    [
      ["-l", "a=b=c", "--label", "d", "nginx"],
      {
        labels: new Map([
          ["a", "b=c"],
          ["d", ""],
        ]),
      },
    ],
    [["-w", "/srv", "-u", "1:2", "nginx"], { workingDir: "/srv", user: "1:2" }],
    [["--hostname", "h", "--network", "none", "nginx"], { hostname: "h", network: "none" }],
    [["--read-only", "--platform", "linux/arm64", "nginx"], { readOnly: true, platform: "linux/arm64" }],
    [["-v", "/a:/b:ro", "--volume", "/c", "nginx"], { volumes: ["/a:/b:ro", "/c"] }],
    [["--tmpfs", "/run:size=1m", "nginx"], { tmpfs: ["/run:size=1m"] }],
  ])("hands on %j", async (argv, expected) => {
    const { status, calls } = await runCommand(["create", ...argv], { env: { HOME: "/home/me" } });
    expect(status).toBe(0);
    expect(calls[0]).toEqual(["createContainer", "nginx", expect.objectContaining(expected)]);
  });

  it.each([
    ["an empty variable", ["-e", "=x", "nginx"], "invalid environment variable: =x"],
    ["an empty label", ["-l", "=x", "nginx"], "invalid label '=x': empty name"],
    ["a network of its own", ["--network", "mine", "nginx"], "Allowed choices are host, none"],
    ["no image", [], "missing required argument 'image'"],
  ])("refuses %s before it opens the store", async (_, argv, expected) => {
    const { status, stderr, opened } = await runCommand(["create", ...argv]);
    expect({ status, opened }).toEqual({ status: 2, opened: [] });
    expect(stderr).toContain(expected);
  });
});
