import { describe, expect, it } from "vitest";
import { inOnePiece, runCommand, treeNode } from "../../../test/support/command-line.ts";

describe("layerfs ls", () => {
  it("lists the root of an image, a name a line", async () => {
    const { status, stdout, calls } = await runCommand(["ls", "nginx"]);
    expect({ status, stdout }).toEqual({ status: 0, stdout: "bin\ninit\n" });
    expect(calls[0]).toMatchObject(["listInPieces", "nginx", "/", { recursive: false }]);
  });

  it("lists whole paths with -R and details with -l, also in one word", async () => {
    const { stdout, calls } = await runCommand(["ls", "-lR", "nginx", "/usr"]);
    expect(calls[0]).toMatchObject(["listInPieces", "nginx", "/usr", { recursive: true }]);
    expect(stdout).toMatch(/^MODE .*\ndrwxr-xr-x .* \/bin\n-rw-r--r-- +0:0 +12 .* \/init\n$/);
  });

  it("gives names that are not UTF-8 as base64 in JSON", async () => {
    const engine = {
      listInPieces: () => inOnePiece([treeNode({ name: Buffer.from([0xff]) }), treeNode({ name: "a\nb" })]),
    };
    const { stdout } = await runCommand(["ls", "nginx", "--format", "json"], { engine });
    expect(JSON.parse(stdout)).toMatchObject([{ name: { base64: "/w==" } }, { name: "a\nb", path: "/a\nb" }]);
  });

  it("keeps a template's row on one line whatever the name is", async () => {
    const engine = { listInPieces: () => inOnePiece([treeNode({ name: "a\nb" })]) };
    expect((await runCommand(["ls", "nginx", "--format", "{{.Name}}"], { engine })).stdout).toBe("a\\x0ab\n");
  });

  it("hands on the platform that is wanted of a source", async () => {
    const { calls } = await runCommand(["ls", "--platform", "arm64", "oci:layout"]);
    expect(calls[0]).toMatchObject(["listInPieces", "oci:layout", "/", { platform: "arm64" }]);
  });

  it("lists what one layer did with --layer, counted from 1, and what is deleted with --deleted", async () => {
    const { stdout, calls } = await runCommand(["ls", "--layer", "2", "nginx", "/"]);
    expect(stdout).toBe("C etc\nD gone\nA new\\x0a\n  init\n");
    expect(calls[0]).toMatchObject([
      "listChanges",
      "nginx",
      "/",
      { depth: 1, layer: 1, deleted: true, changedOnly: true },
    ]);
    const deleted = await runCommand(["ls", "-lR", "--deleted", "nginx"]);
    expect(deleted.calls[0]).toMatchObject(["listChanges", "nginx", "/", { deleted: true, changedOnly: false }]);
    expect(deleted.stdout).toMatch(/^ {2}MODE .*\nC d.* \/etc\nD -.* \/etc\/gone\n/);
  });
});
