import { describe, expect, it } from "vitest";
import { IMAGE_ID, runCommand } from "../../../test/support/command-line.ts";

describe("layerfs mount", () => {
  it.each([
    [["nginx"], { image: "nginx", target: undefined, readWrite: false }, "/root/mounts/1\n"],
    [["nginx", "/mnt"], { image: "nginx", target: "/mnt", readWrite: false }, "/mnt\n"],
    [["--rw", "nginx"], { image: "nginx", target: undefined, readWrite: true }, "/root/mounts/1\n"],
    [["--type", "image", "a"], { image: "a", target: undefined, readWrite: false, type: "image" }, "/root/mounts/1\n"],
  ])("mounts a container or an image with %j and prints where it is", async (argv, request, expected) => {
    const { status, stdout, calls } = await runCommand(["mount", ...argv]);
    expect({ status, stdout }).toEqual({ status: 0, stdout: expected });
    expect(calls[0]).toEqual(["mount", request]);
  });

  it("joins plain directories", async () => {
    const { stdout, calls } = await runCommand(["mount", "--lower", "/a\\:b:c", "--upper", "u", "--work", "w", "/mnt"]);
    expect(stdout).toBe("/mnt\n");
    expect(calls[0]).toEqual(["mountDirectories", { lowers: ["/a:b", "c"], upper: "u", work: "w", target: "/mnt" }]);
  });

  it("lists the mounts where nothing is named", async () => {
    expect((await runCommand(["mount"])).stdout).toBe(
      [
        "TARGET   IMAGE           MODE   STATE",
        "/mnt     nginx:latest    rw     mounted",
        "/union   <directories>   ro     not mounted",
        "/web     container web   rw     mounted",
        "",
      ].join("\n"),
    );
    expect((await runCommand(["mount", "-q"])).stdout).toBe("/mnt\n/union\n/web\n");
    expect((await runCommand(["mount", "--format", "{{.Image.ID}}"])).stdout).toBe(`${IMAGE_ID}\n<none>\n<none>\n`);
  });

  it("gives the directory as JSON", async () => {
    expect(JSON.parse((await runCommand(["mount", "nginx", "--format", "json"])).stdout)).toEqual({
      target: "/root/mounts/1",
    });
  });

  it.each([
    ["a union without a target", ["--lower", "a:b"], "one TARGET is expected, found none"],
    ["a union of an image", ["--lower", "a:b", "nginx", "/mnt"], "one TARGET is expected, found two operands"],
    ["a union that is --rw", ["--lower", "a:b", "--rw", "/mnt"], "--rw does not go with --lower"],
    ["--upper without --work", ["--lower", "a:b", "--upper", "u", "/mnt"], "--upper and --work go together"],
    ["--upper of an image", ["--upper", "u", "--work", "w", "nginx"], "--upper and --work go with --lower"],
    ["--rw of nothing", ["--rw"], "--rw needs an image"],
    ["an empty directory", ["--lower", "a::b", "/mnt"], "expected DIR[:DIR...]"],
  ])("refuses %s before it opens the store", async (_, argv, expected) => {
    const { status, stderr, opened } = await runCommand(["mount", ...argv]);
    expect({ status, opened }).toEqual({ status: 2, opened: [] });
    expect(stderr).toContain(expected);
  });
});
