import { describe, expect, it } from "vitest";
import { runCommand } from "../../../test/support/command-line.ts";
import { CONTAINER_ID, CONTAINERS } from "../../../test/support/fake-containers.ts";

describe("layerfs ps", () => {
  it("prints Docker's table", async () => {
    const { status, stdout } = await runCommand(["ps", "-a"]);
    expect(status).toBe(0);
    expect(stdout).toBe(
      [
        "CONTAINER ID   IMAGE          COMMAND                  CREATED             STATUS                    PORTS   NAMES",
        'c0ffee000000   nginx          "/docker-entrypoint.…"   About an hour ago   Created                           web',
        `beef00000000   ${String(CONTAINERS[1]?.image).slice(7, 19)}   "sh"                     24 hours ago        Exited (3) 22 hours ago           job`,
        "",
      ].join("\n"),
    );
  });

  it("prints ids alone, short or whole", async () => {
    expect((await runCommand(["ps", "-aq"])).stdout).toBe("c0ffee000000\nbeef00000000\n");
    expect((await runCommand(["ps", "-q", "--no-trunc"])).stdout).toContain(`${CONTAINER_ID}\n`);
  });

  it("gives templates Docker's fields", async () => {
    const format = "{{.Labels}} {{.Mounts}} {{.LocalVolumes}} {{.Networks}} {{.State}} {{.CreatedAt}} {{.Ports}}";
    const [first] = (await runCommand(["ps", "-a", "--format", format])).stdout.split("\n");
    expect(first).toBe("role=web,tier= data,/host 1 bridge created 2026-01-14 23:00:00 +0000 UTC ");
  });

  it.each([
    [[], {}],
    [["-a"], { all: true }],
    [["-l"], { last: 1 }],
    [["-n", "3"], { last: 3 }],
    [["-f", "id=c0", "-f", "id=be", "-f", "name=w"], { ids: ["c0", "be"], names: ["w"] }],
    [
      ["-f", "label=a=b", "-f", "status=exited", "-f", "exited=3"],
      { labels: ["a=b"], states: ["exited"], exitCodes: [3] },
    ],
    [
      ["-f", "ancestor=nginx", "-f", "volume=/data", "-f", "network=none"],
      { ancestors: ["nginx"], volumes: ["/data"] },
    ],
    [["--filter", "before=web", "--filter", "since=job"], { before: "web", since: "job" }],
  ])("asks with %j for %j", async (argv, expected) => {
    const { calls } = await runCommand(["ps", ...argv]);
    expect(calls[0]).toEqual(["containers", expect.objectContaining({ all: false, ...expected })]);
  });

  it.each([
    ["foo=bar", "Invalid filter 'foo'"],
    ["status=zzz", "Invalid filter 'status=zzz'"],
    ["exited=x", "Invalid filter 'exited=x'"],
    ["id", "bad format of filter"],
  ])("refuses the filter %s", async (filter, expected) => {
    const { status, stderr } = await runCommand(["ps", "-f", filter]);
    expect(status).toBe(2);
    expect(stderr).toContain(expected);
  });
});
