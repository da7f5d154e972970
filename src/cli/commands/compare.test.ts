import { describe, expect, it } from "vitest";
import { COMPARISON, runCommand } from "../../../test/support/command-line.ts";

describe("layerfs compare", () => {
  it("tells both images, and their files, packages, config and history", async () => {
    const { status, stdout, calls } = await runCommand(["compare", "nginx:1", "nginx:2"]);
    expect(status).toBe(0);
    expect(calls[0]).toMatchObject(["compare", "nginx:1", "nginx:2", {}]);
    expect(stdout).toMatch(/^IMAGE +ID +LAYERS +SHARED +FILES\nnginx:1 .* 1 +1 +90B\nnginx:2 .* 2 +1 +100B\n\n/);
    expect(stdout).toContain("D   1       30B                        /a\\xff\n");
    expect(stdout).toContain("C   1 > 2   30B > 40B   content,mode   /motd\n");
    expect(stdout).toContain("1 added, 1 changed, 1 removed\n");
    expect(stdout).toMatch(/^dpkg +libc6:amd64 +2\.36-9 +2\.36-10$/m);
    expect(stdout).toMatch(/^npm +semver +- +7\.6\.0 +\/a$/m);
    expect(stdout).toMatch(/^Env\.PATH +\/bin +\/usr\/bin$/m);
    expect(stdout).toContain("HISTORY   after 1 step that both have\n+ COPY topmost /\n");
  });

  it("prints one part alone with --only", async () => {
    const { stdout } = await runCommand(["compare", "--only", "packages", "a", "b"]);
    expect(stdout).toContain("libc6");
    expect(stdout).not.toMatch(/motd|Env|HISTORY/);
    const json = await runCommand(["compare", "--only", "config", "--format", "json", "a", "b"]);
    expect(JSON.parse(json.stdout)).toEqual(COMPARISON.config);
  });

  it("says so where there is no difference", async () => {
    const same = { files: [], packages: [], config: [], history: { same: 2, before: [], after: [] } };
    const engine = { compare: async () => ({ ...COMPARISON, ...same }) };
    expect((await runCommand(["compare", "a", "b"], { engine })).stdout).toMatch(/\n\nNo difference\.\n$/);
    const files = await runCommand(["compare", "--only", "files", "a", "b"], { engine });
    expect(files.stdout).toMatch(/\n\nNo difference of files\.\n$/);
  });

  it("keeps every byte of a path in JSON", async () => {
    const { stdout } = await runCommand(["compare", "--format", "json", "a", "b"]);
    expect(JSON.parse(stdout).files[0]).toMatchObject({ path: { base64: "L2H/" }, kind: "removed" });
  });
});
