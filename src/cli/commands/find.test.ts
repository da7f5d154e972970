import { describe, expect, it } from "vitest";
import { inOnePiece, runCommand, treeNode } from "../../../test/support/command-line.ts";

async function criteria(...words: readonly string[]): Promise<unknown> {
  const { status, stderr, calls } = await runCommand(["find", "nginx", ...words]);
  expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
  return calls[0]?.[3];
}

describe("layerfs find", () => {
  it("prints whole paths, one a line, whatever they hold", async () => {
    const engine = {
      findInPieces: () => inOnePiece([treeNode({ name: "a\nb" }), treeNode({ name: Buffer.from([0xff]) })]),
    };
    const { stdout } = await runCommand(["find", "nginx"], { engine });
    expect(stdout).toBe("/a\\x0ab\n/\\xff\n");
    expect((await runCommand(["find", "nginx", "-l"], { engine })).stdout).toMatch(/^MODE .*\n-rw-r--r-- .*a\\x0ab\n/);
  });

  it("takes the words of find(1) with one dash or two", async () => {
    const expected = { name: "*.conf", kinds: ["file"], maxDepth: 2, minDepth: 1 };
    expect(await criteria("-name", "*.conf", "-type", "f", "-maxdepth", "2", "-mindepth", "1")).toMatchObject(expected);
    expect(await criteria("--name", "*.conf", "--type", "f", "--maxdepth", "2", "--mindepth", "1")).toMatchObject(
      expected,
    );
  });

  it.each([
    ["10", { than: "equal", count: 10, unit: 512 }],
    ["+10M", { than: "more", count: 10, unit: 1024 ** 2 }],
    ["-3c", { than: "less", count: 3, unit: 1 }],
  ])("reads the size %s", async (text, size) => {
    expect(await criteria("-size", text)).toMatchObject({ size });
  });

  it.each([
    ["644", { bits: 0o644, match: "exact" }],
    ["-4000", { bits: 0o4000, match: "all" }],
    ["/u=s,g=s", { bits: 0o6000, match: "any" }],
    ["-a+r", { bits: 0o444, match: "all" }],
    ["u=rwx,go=rx", { bits: 0o755, match: "exact" }],
    ["+t", { bits: 0o1000, match: "exact" }],
  ])("reads the mode %s", async (text, mode) => {
    expect(await criteria("-perm", text)).toMatchObject({ mode });
  });

  it.each([
    ["2024-01-31", 1_706_659_200, 0],
    ["2024-01-31T01:00:00.5+01:00", 1_706_659_200, 500_000_000],
    ["2024-01-31 00:00:00", 1_706_659_200, 0],
    ["@12.5", 12, 500_000_000],
  ])("reads the time %s", async (text, seconds, nanoseconds) => {
    expect(await criteria("-newermt", text)).toMatchObject({ newer: { seconds, nanoseconds } });
  });

  it("takes a file of the image, kinds with commas and a layer counted from 1", async () => {
    expect(await criteria("-newer", "/etc/motd", "-type", "f,l", "--layer", "1")).toMatchObject({
      newer: "/etc/motd",
      kinds: ["file", "symlink"],
      layer: 0,
    });
  });

  it.each([
    ["-type", "x"],
    ["-size", "many"],
    ["-perm", "u=q"],
    ["-perm", "99"],
    ["-newermt", "tomorrow"],
    ["--layer", "0"],
    ["-maxdepth", "-1"],
  ])("refuses %s %s, and says what it expects", async (option, value) => {
    const { status, stderr, opened } = await runCommand(["find", "nginx", option, value]);
    expect({ status, opened }).toEqual({ status: 2, opened: [] });
    expect(stderr).toMatch(/expected/);
  });

  it("refuses two times at once", async () => {
    const { status } = await runCommand(["find", "nginx", "-newer", "/a", "-newermt", "2024-01-01"]);
    expect(status).toBe(2);
  });
});
